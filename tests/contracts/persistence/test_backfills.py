from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from application.ports.persistence.backfills import NewBackfill
from application.ports.persistence.pipelines import StoredPipeline
from domain.access.actor import ANONYMOUS_ACTOR
from domain.backfills.backfill import Backfill, BackfillState, Progress
from domain.backfills.plan import BackfillOrder, BackfillPlan, ExistingPolicy
from domain.backfills.tick import BackfillTick, BackfillTickState, get_tick_state
from domain.runs.retry import retry_failed
from domain.runs.run import Run
from domain.runs.status import Status
from domain.runs.trigger import BACKFILL, SCHEDULE, Trigger
from domain.schedules.tick import TickReason
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_pipeline, a_run_of, seconds_later

HOUR = timedelta(hours=1)
PENDING, RUNNING = BackfillTickState.PENDING, BackfillTickState.RUNNING


def hours(count: int) -> list[datetime]:
    return [NOW + number * HOUR for number in range(count)]


async def add_backfill(store: StoreUnderTest, pipeline: StoredPipeline, ticks: int = 3, **plan: Any) -> Backfill:
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        written = BackfillPlan(NOW, NOW + 9 * HOUR, **plan)
        backfill = await work.backfills.add(NewBackfill(pipeline.id, written, hours(ticks), NOW, "ada"))
        await work.commit()
        return backfill


async def open_run(store: StoreUnderTest, pipeline: StoredPipeline, backfill: Backfill, position: int = 1) -> int:
    """Open the run of a tick, as the service does."""
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        locked = await work.backfills.find(backfill.id, lock=True)
        assert locked is not None
        (tick,) = [each for each in await work.backfills.list_pending(backfill.id, 9) if each.position == position]
        run_id = await add_run(work, pipeline, Trigger(BACKFILL, "ada", scheduled_for=tick.due_at, backfill_id=backfill.id))
        await work.backfills.save_ticks(backfill.id, [tick.start(run_id)])
        await work.backfills.save(locked.advance([(PENDING, RUNNING)], NOW))
        await work.commit()
        return run_id


async def add_run(work: Any, pipeline: StoredPipeline, trigger: Trigger) -> int:
    numbers = await work.runs.next_numbers([pipeline.id])
    run = a_run_of(pipeline, numbers[pipeline.id])
    run.trigger = trigger
    await work.runs.add_all([run])
    return int(run.id)


async def change_run(store: StoreUnderTest, run_id: int, change: Any) -> Run:
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        change(run)
        await work.runs.save(run)
        await work.commit()
        return run


async def end_run(store: StoreUnderTest, run_id: int, status: Status = Status.COMPLETED) -> None:
    await change_run(store, run_id, lambda run: run.set_verdict(status, NOW + HOUR, None))


async def find_due(store: StoreUnderTest, now: datetime = NOW, *excluded: int) -> tuple[int, int] | None:
    """Return the id of the due backfill and the number of its unfinished runs."""
    async with store.open_unit_of_work() as work:
        locked = await work.backfills.lock_due(now, excluded)
        return (locked.backfill.id, locked.unfinished_runs) if locked else None


async def follow_moved_ticks(store: StoreUnderTest, backfill_id: int) -> None:
    """Store the states of ticks whose runs moved, as the service does."""
    async with store.open_unit_of_work() as work:
        backfill = await work.backfills.find(backfill_id, lock=True)
        assert backfill is not None
        ticks = [(moved.tick, moved.tick.follow_run(moved.status)) for moved in await work.backfills.list_moved(backfill_id)]
        await work.backfills.save_ticks(backfill_id, [new for _, new in ticks])
        await work.backfills.save(backfill.advance([(old.state, new.state) for old, new in ticks], NOW))
        await work.commit()


async def test_a_stored_backfill_is_read_back(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    plan = {"schedule_id": 7, "schedule": "nightly", "timezone": "Asia/Tokyo", "order": BackfillOrder.NEWEST, "parallel": 4}

    added = await add_backfill(store, pipeline, existing=ExistingPolicy.FAILED, parameters={"day": {"tick": "date"}}, **plan)

    async with store.open_unit_of_work() as work:
        assert await work.backfills.find(added.id) == added
        assert await work.backfills.find(404) is None
        assert await work.backfills.find(2**70) is None
    assert (added.pipeline_id, added.created_at, added.created_by, added.state) == (pipeline.id, NOW, "ada", BackfillState.RUNNING)
    assert added.progress == Progress(pending=3)
    assert (added.plan.schedule_id, added.plan.order, added.plan.parameters) == (7, BackfillOrder.NEWEST, {"day": {"tick": "date"}})


async def test_saved_changes_are_read_back(store: StoreUnderTest) -> None:
    backfill = await add_backfill(store, await a_pipeline(store.open_unit_of_work), cron="0 * * * *")
    changed = replace(
        backfill,
        state=BackfillState.CANCELLED,
        progress=Progress(1, 2, 3, 4, 5, 6),
        paused_at=NOW,
        paused_by="ada",
        cancelled_at=NOW + HOUR,
        cancelled_by="bob",
        finished_at=NOW + 2 * HOUR,
        message="The disk is full.",
        retry_at=NOW + 3 * HOUR,
    )

    async with store.open_unit_of_work() as work:
        await work.backfills.find(backfill.id, lock=True)
        await work.backfills.save(changed)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.backfills.find(backfill.id) == changed


async def test_pending_ticks_come_in_order_until_they_are_decided(store: StoreUnderTest) -> None:
    backfill = await add_backfill(store, await a_pipeline(store.open_unit_of_work))

    async with store.open_unit_of_work() as work:
        await work.backfills.find(backfill.id, lock=True)
        first, second = await work.backfills.list_pending(backfill.id, 2)
        await work.backfills.save_ticks(backfill.id, [first.skip(TickReason.INVALID_PARAMETERS, "No.")])
        await work.commit()

    assert (first, second) == (BackfillTick(1, NOW), BackfillTick(2, NOW + HOUR))
    async with store.open_unit_of_work() as work:
        await work.backfills.find(backfill.id, lock=True)
        assert [tick.position for tick in await work.backfills.list_pending(backfill.id, 9)] == [2, 3]
        await work.backfills.cancel_pending(backfill.id)
        assert await work.backfills.list_pending(backfill.id, 9) == []
        await work.commit()
    views = await store.reader.backfill_ticks(backfill.id, 9)
    assert [(view.position, view.state, view.reason, view.message) for view in views] == [
        (1, BackfillTickState.SKIPPED, TickReason.INVALID_PARAMETERS, "No."),
        (2, BackfillTickState.CANCELLED, None, None),
        (3, BackfillTickState.CANCELLED, None, None),
    ]


async def test_a_backfill_is_due_while_it_may_open_runs(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    backfill = await add_backfill(store, pipeline, parallel=2)

    due = [await find_due(store)]
    for position in (1, 2):
        await open_run(store, pipeline, backfill, position)
        due.append(await find_due(store))

    assert due == [(backfill.id, 0), (backfill.id, 1), None]
    assert await find_due(store, NOW, backfill.id) is None


@pytest.mark.parametrize("state", [BackfillState.PAUSED, BackfillState.CANCELLED])
async def test_one_that_does_not_run_opens_no_runs(store: StoreUnderTest, state: BackfillState) -> None:
    backfill = await add_backfill(store, await a_pipeline(store.open_unit_of_work))

    await save(store, replace(backfill, state=state))

    assert await find_due(store) is None


async def test_one_that_waits_is_due_at_its_time(store: StoreUnderTest) -> None:
    backfill = await add_backfill(store, await a_pipeline(store.open_unit_of_work))

    await save(store, backfill.wait("The disk is full.", seconds_later(10)))

    assert [await find_due(store, seconds_later(9)), await find_due(store, seconds_later(10))] == [None, (backfill.id, 0)]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
async def test_one_with_a_run_that_ended_is_due_whatever_its_state(store: StoreUnderTest, status: Status) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    backfill = await add_backfill(store, pipeline)
    run_id = await open_run(store, pipeline, backfill)
    await end_run(store, run_id, status)
    await save(store, await pause(store, backfill))

    async with store.open_unit_of_work() as work:
        locked = await work.backfills.lock_due(NOW)
        assert locked is not None and (locked.backfill.id, locked.pipeline, locked.unfinished_runs) == (backfill.id, pipeline, 0)
        (moved,) = await work.backfills.list_moved(backfill.id)
        assert (moved.tick.position, moved.tick.run_id, moved.status) == (1, run_id, status)
        await work.backfills.save_ticks(backfill.id, [moved.tick.follow_run(moved.status)])
        await work.commit()
    assert await find_due(store) is None
    (view, *_) = await store.reader.backfill_ticks(backfill.id, 1)
    assert (view.run_id, view.run_number, view.run_status) == (run_id, 1, status)


async def test_one_with_a_run_that_was_reopened_is_due(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    backfill = await add_backfill(store, pipeline, ticks=1)
    run_id = await open_run(store, pipeline, backfill)
    await end_run(store, run_id, Status.CANCELLED)
    async with store.open_unit_of_work() as work:
        locked = await work.backfills.find(backfill.id, lock=True)
        assert locked is not None
        await work.backfills.save_ticks(backfill.id, [BackfillTick(1, NOW, BackfillTickState.CANCELLED, run_id)])
        await work.backfills.save(locked.advance([(RUNNING, BackfillTickState.CANCELLED)], NOW))
        await work.commit()
    before = await find_due(store)

    await change_run(store, run_id, lambda run: retry_failed(run, NOW + 2 * HOUR, ANONYMOUS_ACTOR))

    assert (before, await find_due(store)) == (None, (backfill.id, 1))
    async with store.open_unit_of_work() as work:
        await work.backfills.find(backfill.id, lock=True)
        (moved,) = await work.backfills.list_moved(backfill.id)
        assert moved.tick.follow_run(moved.status).state is RUNNING
        assert list(await work.backfills.list_unfinished_runs(backfill.id)) == [run_id]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
async def test_one_with_a_run_that_was_reopened_and_ended_again_is_due_if_it_ended_otherwise(store: StoreUnderTest, status: Status) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    backfill = await add_backfill(store, pipeline, ticks=1)
    run_id = await open_run(store, pipeline, backfill)
    await end_run(store, run_id, Status.CANCELLED)
    await follow_moved_ticks(store, backfill.id)

    await change_run(store, run_id, lambda run: retry_failed(run, NOW + 2 * HOUR, ANONYMOUS_ACTOR))
    await end_run(store, run_id, status)

    assert await find_due(store) == (None if status is Status.CANCELLED else (backfill.id, 0))
    await follow_moved_ticks(store, backfill.id)
    assert await find_due(store) is None
    (view,) = await store.reader.backfill_ticks(backfill.id, 1)
    assert view.state is get_tick_state(status)


async def test_a_locked_backfill_or_pipeline_is_skipped(store: StoreUnderTest) -> None:
    pipelines = [await a_pipeline(store.open_unit_of_work, name) for name in ("a", "b", "c")]
    first, second, third = [await add_backfill(store, pipeline) for pipeline in pipelines]

    async with store.open_unit_of_work() as work, store.other_unit_of_work() as other:
        locked = await work.backfills.lock_due(NOW)
        assert locked is not None and locked.backfill.id == first.id
        await work.pipelines.find(pipelines[1].id, lock=True)
        found = await other.backfills.lock_due(NOW)
        assert found is not None and found.backfill.id == third.id
    assert await find_due(store, NOW, first.id) == (second.id, 0)


async def test_a_second_lock_waits_and_reads_what_the_first_wrote(store: StoreUnderTest) -> None:
    backfill = await add_backfill(store, await a_pipeline(store.open_unit_of_work))

    async with store.open_unit_of_work() as work:
        await work.backfills.find(backfill.id, lock=True)
        async with store.other_unit_of_work() as other:
            waiting = await is_blocked(other.backfills.find(backfill.id, lock=True))
            assert waiting is not None
            await work.backfills.save(backfill.pause(NOW, "ada"))
            await work.commit()
            found = await waiting
    assert found is not None and found.state is BackfillState.PAUSED


async def test_a_backfill_of_a_deleted_pipeline_is_not_found(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    backfill = await add_backfill(store, pipeline)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.mark_deleted(pipeline.id, NOW)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.backfills.find(backfill.id) is None
        assert await work.backfills.lock_due(NOW) is None
    assert (await store.reader.backfill(backfill.id), await store.reader.backfills(9)) == (None, [])
    while await store.pipeline_removal.remove_batch(pipeline.id, NOW):
        pass
    assert await store.reader.backfill_ticks(backfill.id, 9) == []


async def test_unfinished_ones_are_known(store: StoreUnderTest) -> None:
    backfill = await add_backfill(store, await a_pipeline(store.open_unit_of_work))

    async def has_unfinished(*excluded: int) -> bool:
        async with store.open_unit_of_work() as work:
            return await work.backfills.has_unfinished(excluded)

    before = (await has_unfinished(), await has_unfinished(backfill.id))
    await save(store, backfill.cancel(NOW, None))

    assert (before, await has_unfinished()) == ((True, False), False)


async def test_the_newest_run_of_each_tick_is_found(store: StoreUnderTest) -> None:
    pipeline, other = await a_pipeline(store.open_unit_of_work), await a_pipeline(store.open_unit_of_work, "other")
    mine = await add_backfill(store, pipeline, schedule_id=7, schedule="mine")
    of_other_schedule = await add_backfill(store, pipeline, schedule_id=8, schedule="other")
    of_cron = await add_backfill(store, pipeline, cron="0 * * * *")
    ticks = hours(8)
    triggers = [
        (pipeline, Trigger(SCHEDULE, "mine", schedule_id=7, scheduled_for=ticks[0])),
        (pipeline, Trigger(BACKFILL, scheduled_for=ticks[0], backfill_id=mine.id)),
        (pipeline, Trigger(BACKFILL, scheduled_for=ticks[1], backfill_id=of_cron.id)),
        (pipeline, Trigger(BACKFILL, scheduled_for=ticks[2], backfill_id=of_other_schedule.id)),
        (pipeline, Trigger(SCHEDULE, "other", schedule_id=8, scheduled_for=ticks[3])),
        (pipeline, Trigger("api", schedule_id=7)),
        (other, Trigger(SCHEDULE, "mine", schedule_id=7, scheduled_for=ticks[4])),
        (pipeline, Trigger(BACKFILL, scheduled_for=ticks[5], backfill_id=404)),
        (pipeline, Trigger(SCHEDULE, "mine", schedule_id=7, scheduled_for=ticks[7])),
    ]
    ids = []
    for of, trigger in triggers:
        async with store.open_unit_of_work() as work:
            await work.pipelines.find(of.id, lock=True)
            ids.append(await add_run(work, of, trigger))
            await work.commit()
    await end_run(store, ids[1], Status.FAILED)

    async with store.open_unit_of_work() as work:
        of_mine = await work.backfills.find_newest_runs(pipeline.id, 7, ticks[0], ticks[6])
        of_all = await work.backfills.find_newest_runs(pipeline.id, None, ticks[0], ticks[6])

    queued = Status.QUEUED
    assert of_mine == {ticks[0]: Status.FAILED, ticks[1]: queued, ticks[5]: queued}
    assert of_all == {ticks[0]: Status.FAILED, ticks[1]: queued, ticks[2]: queued, ticks[5]: queued}


async def test_durations_are_those_of_the_last_completed_runs(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, stages=[{"name": "a", "kind": "external"}])
    for seconds, status in ((10, Status.COMPLETED), (20, Status.COMPLETED), (30, Status.FAILED), (40, Status.COMPLETED)):
        async with store.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            run_id = await add_run(work, pipeline, Trigger("api"))
            await work.commit()
        await change_run(store, run_id, _start_first_stage)
        await change_run(store, run_id, lambda run, s=seconds, st=status: run.set_verdict(st, seconds_later(s), None))
        await change_run(store, run_id, lambda run, s=seconds: setattr(run, "idle_seconds", s / 4))

    async with store.open_unit_of_work() as work:
        assert list(await work.backfills.find_durations(pipeline.id, 2)) == [30.0, 15.0]
        assert list(await work.backfills.find_durations(404, 2)) == []


def _start_first_stage(run: Run) -> None:
    run.move(run.stages["a"], Status.RUNNING, NOW)
    run.propagate(NOW)


async def test_lists_come_in_pages_in_both_directions(store: StoreUnderTest) -> None:
    pipeline, other = await a_pipeline(store.open_unit_of_work), await a_pipeline(store.open_unit_of_work, "other")
    ids = [(await add_backfill(store, each, ticks=5)).id for each in (pipeline, other, pipeline, pipeline)]
    reader = store.reader

    newest_first = [view.id for view in await reader.backfills(2)]
    next_page = [view.id for view in await reader.backfills(2, below=newest_first[-1])]
    back = [view.id for view in await reader.backfills(2, above=next_page[0])]
    of_other = await reader.backfills(9, pipeline_id=other.id)
    ticks = [
        [tick.position for tick in await reader.backfill_ticks(ids[0], 2, above=above, below=below)]
        for above, below in ((None, None), (2, None), (None, 5), (None, 3))
    ]

    assert (newest_first, next_page, back) == (ids[:1:-1], ids[1::-1], ids[:1:-1])
    assert [(view.id, view.pipeline) for view in of_other] == [(ids[1], "other")]
    assert ticks == [[1, 2], [3, 4], [3, 4], [1, 2]]
    assert len(await reader.backfill_ticks(ids[0], 9, state=PENDING)) == 5
    assert (await reader.backfill_ticks(ids[0], 9, above=2**63 - 1), len(await reader.backfill_ticks(ids[0], 9, below=2**63 - 1))) == (
        [],
        5,
    )
    assert await reader.backfill_ticks(ids[0], 9, state=RUNNING) == []
    assert (await reader.backfill(404), await reader.backfills(9, pipeline_id=2**70)) == (None, [])


async def test_old_backfills_are_deleted_with_their_ticks(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    old, new, unfinished = [await add_backfill(store, pipeline) for _ in range(3)]
    await save(store, old.cancel(NOW, None))
    await save(store, new.cancel(NOW + HOUR, None))

    deleted = await store.retention.delete_backfills(NOW + HOUR)

    assert deleted == 1
    assert [view.id for view in await store.reader.backfills(9)] == [unfinished.id, new.id]
    assert [len(await store.reader.backfill_ticks(each.id, 9)) for each in (old, new, unfinished)] == [0, 3, 3]


async def save(store: StoreUnderTest, backfill: Backfill) -> None:
    async with store.open_unit_of_work() as work:
        await work.backfills.find(backfill.id, lock=True)
        await work.backfills.save(backfill)
        await work.commit()


async def pause(store: StoreUnderTest, backfill: Backfill) -> Backfill:
    """Return the backfill as it is stored now, paused."""
    async with store.open_unit_of_work() as work:
        found = await work.backfills.find(backfill.id)
        assert found is not None
        return found.pause(NOW, "ada")
