from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import NewSchedule, StoredSchedule
from domain.runs.status import Status
from domain.runs.trigger import SCHEDULE, Trigger
from domain.schedules.tick import Tick, TickState
from tests.contracts.stores import StoreUnderTest, is_blocked
from tests.support.builders import NOW, a_definition, a_pipeline, a_run_of, seconds_later

HOUR = timedelta(hours=1)


async def add_schedules(store: StoreUnderTest, pipeline: StoredPipeline, **fire_at: datetime | None) -> list[StoredSchedule]:
    """Store schedules by name, with the times at which they fire next."""
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.schedules.add([NewSchedule(pipeline.id, name, at, at) for name, at in fire_at.items()])
        await work.commit()
    async with store.open_unit_of_work() as work:
        return await work.schedules.list_of(pipeline.id)


async def lock_due_names(store: StoreUnderTest, now: datetime, limit: int = 10) -> list[str]:
    async with store.open_unit_of_work() as work:
        return [schedule.name for schedule, _ in await work.schedules.lock_due(now, limit)]


def a_tick(schedule: StoredSchedule, state: TickState = TickState.WAITING, at: datetime = NOW) -> Tick:
    return Tick(schedule.id, schedule.pipeline_id, at, at, state, at)


async def add_run(store: StoreUnderTest, pipeline: StoredPipeline, schedule: StoredSchedule) -> int:
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        numbers = await work.runs.next_numbers([pipeline.id])
        run = a_run_of(pipeline, numbers[pipeline.id])
        run.trigger = Trigger(SCHEDULE, schedule.name, None, schedule.id, NOW)
        await work.runs.add_all([run])
        await work.commit()
        return run.id


async def test_a_pipelines_schedules_are_listed_oldest_first(store: StoreUnderTest) -> None:
    first, second = await a_pipeline(store.open_unit_of_work, "first"), await a_pipeline(store.open_unit_of_work, "second")

    nightly, hourly = await add_schedules(store, first, nightly=NOW, hourly=None)
    await add_schedules(store, second, nightly=NOW)

    assert (nightly.name, nightly.pipeline_id, nightly.next_due_at, nightly.next_fire_at) == ("nightly", first.id, NOW, NOW)
    assert (hourly.name, hourly.next_fire_at, hourly.paused_at, hourly.last_due_at) == ("hourly", None, None, None)
    async with store.open_unit_of_work() as work:
        assert await work.schedules.list_of(404) == []


async def test_a_name_is_unique_within_a_pipeline_until_it_is_removed(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    (old,) = await add_schedules(store, pipeline, nightly=NOW)

    with pytest.raises(store.refusals):
        await add_schedules(store, pipeline, nightly=NOW)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.schedules.remove([old.id], NOW)
        await work.commit()
    (new,) = await add_schedules(store, pipeline, nightly=NOW)

    assert new.id != old.id
    assert await lock_due_names(store, NOW) == ["nightly"]


async def test_saved_times_and_pauses_are_read_back(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    (schedule,) = await add_schedules(store, pipeline, nightly=NOW)
    changed = replace(
        schedule,
        next_due_at=NOW + HOUR,
        next_fire_at=NOW + 2 * HOUR,
        last_due_at=NOW,
        paused_at=NOW,
        paused_by="ada",
        paused_until=NOW + 3 * HOUR,
    )

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.schedules.save([changed])
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.schedules.list_of(pipeline.id) == [changed]


async def test_due_schedules_are_locked_longest_due_first_with_their_pipelines(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    await add_schedules(store, pipeline, late=seconds_later(-5), now=NOW, soon=seconds_later(1), never=None)

    async with store.open_unit_of_work() as work:
        locked = await work.schedules.lock_due(NOW, 10)

    assert [schedule.name for schedule, _ in locked] == ["late", "now"]
    assert [found for _, found in locked] == [pipeline, pipeline]
    assert await lock_due_names(store, NOW, limit=1) == ["late"]
    async with store.open_unit_of_work() as work:
        excluded = [locked[0].schedule.id]
        assert [schedule.name for schedule, _ in await work.schedules.lock_due(NOW, 10, excluded)] == ["now"]


async def test_schedules_locked_by_another_transaction_are_skipped(store: StoreUnderTest) -> None:
    pipelines = [await a_pipeline(store.open_unit_of_work, name) for name in ("a", "b")]
    for pipeline in pipelines:
        await add_schedules(store, pipeline, **{f"of-{pipeline.name}": NOW})

    async with store.open_unit_of_work() as work:
        (first, _), *_ = await work.schedules.lock_due(NOW, 1)
        async with store.other_unit_of_work() as other:
            assert [schedule.name for schedule, _ in await other.schedules.lock_due(NOW, 10)] == ["of-b"]
        await work.schedules.save([replace(first, next_due_at=NOW + HOUR, next_fire_at=NOW + HOUR)])
        await work.commit()

    assert await lock_due_names(store, NOW) == ["of-b"]


async def test_a_schedule_of_a_locked_pipeline_is_skipped_and_a_locked_schedule_locks_its_pipeline(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    await add_schedules(store, pipeline, nightly=NOW)

    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        async with store.other_unit_of_work() as other:
            assert await other.schedules.lock_due(NOW, 10) == []
    async with store.open_unit_of_work() as work:
        assert len(await work.schedules.lock_due(NOW, 10)) == 1
        async with store.other_unit_of_work() as other:
            waiting = await is_blocked(other.pipelines.find(pipeline.id, lock=True))
            assert waiting is not None
            await work.commit()
            await waiting


async def test_a_locked_pipeline_has_its_newest_revision(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    await add_schedules(store, pipeline, nightly=NOW)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        revised = await work.pipelines.revise(pipeline.id, a_definition("nightly", 1), NOW)
        await work.commit()

    async with store.other_unit_of_work() as work:
        ((_, found),) = await work.schedules.lock_due(NOW, 10)

    assert found == revised


async def test_a_schedule_is_released_when_its_last_run_ends(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, stages=1)
    waiting, idle = await add_schedules(store, pipeline, waiting=None, idle=None)
    run_id = await add_run(store, pipeline, waiting)
    async with store.open_unit_of_work() as work:
        await work.ticks.add([a_tick(waiting), a_tick(idle, TickState.FIRED)])
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert await work.schedules.lock_released(10) == []
        run = (await work.runs.lock([run_id]))[run_id]
        run.cancel(NOW, "ada")
        assert run.status is Status.CANCELLED
        await work.runs.save(run)
        await work.commit()

    async with store.open_unit_of_work() as work:
        assert [schedule.name for schedule, _ in await work.schedules.lock_released(10)] == ["waiting"]
        assert await work.schedules.lock_released(10, [waiting.id]) == []
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.schedules.save([replace(waiting, paused_at=NOW)])
        assert await work.schedules.lock_released(10) == []


async def test_unfinished_runs_are_found_by_schedule(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, stages=1)
    busy, idle = await add_schedules(store, pipeline, busy=None, idle=None)

    first, second = await add_run(store, pipeline, busy), await add_run(store, pipeline, busy)

    async with store.open_unit_of_work() as work:
        assert await work.runs.find_unfinished([busy.id, idle.id]) == {busy.id: [first, second], idle.id: []}
        assert (await work.runs.lock([first]))[first].trigger == Trigger(SCHEDULE, "busy", None, busy.id, NOW)
    view = await store.reader.run(second)
    assert view is not None and (view.trigger, view.scheduled_for) == (SCHEDULE, NOW)


async def test_the_next_wake_is_the_earliest_time_of_a_schedule(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    async with store.open_unit_of_work() as work:
        assert await work.schedules.find_next_wake() == (None, False)
    first, _, third = await add_schedules(store, pipeline, soon=NOW, later=NOW + HOUR, never=None)

    async with store.open_unit_of_work() as work:
        assert await work.schedules.find_next_wake() == (NOW, False)
        assert await work.schedules.find_next_wake([first.id]) == (NOW + HOUR, False)
        await work.ticks.add([a_tick(third)])
        assert await work.schedules.find_next_wake() == (NOW, True)


async def test_a_schedule_can_be_stored_paused(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.schedules.add([NewSchedule(pipeline.id, "nightly", NOW, None, NOW)])
        await work.commit()

    async with store.open_unit_of_work() as work:
        (stored,) = await work.schedules.list_of(pipeline.id)
    assert (stored.next_due_at, stored.next_fire_at, stored.paused_at, stored.last_due_at) == (NOW, None, NOW, None)
