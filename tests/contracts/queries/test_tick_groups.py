"""The ticks of a day, joined by outcome; the revisions of a day; the times of runs."""

from dataclasses import replace
from datetime import timedelta

from application.queries.views.ticks import TickGroup, TickWindow
from domain.runs.status import Status
from domain.schedules.tick import TickReason, TickState
from tests.contracts.persistence.test_schedules import add_run
from tests.contracts.queries.test_schedule_reader import a_scheduled_pipeline, add_ticks
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
OVERLAP = {"state": TickState.SKIPPED, "reason": TickReason.OVERLAP, "message": "Run 1 was not over."}
OUTAGE = {"state": TickState.MISSED, "reason": TickReason.OUTAGE, "message": "Down."}


def a_window(name: str = "main", minutes: int = 60, **fields: object) -> TickWindow:
    return replace(TickWindow(name, NOW, NOW + minutes * MINUTE), **fields)  # type: ignore[arg-type]


def get_outcome(group: TickGroup) -> tuple[object, ...]:
    first, last = ((at - NOW) // MINUTE for at in (group.first_due_at, group.last_due_at))
    return group.window, first, last, group.state, group.reason, group.count


async def test_consecutive_ticks_with_the_same_outcome_are_joined(store: StoreUnderTest) -> None:
    (main,) = await a_scheduled_pipeline(store, main=None)
    await add_ticks(store, main, NOW - MINUTE, NOW, NOW + MINUTE, **OUTAGE)
    await add_ticks(store, main, NOW + 2 * MINUTE, NOW + 3 * MINUTE, **OVERLAP)
    await add_ticks(store, main, NOW + 4 * MINUTE, **{**OVERLAP, "message": "Run 2 was not over."})
    await add_ticks(store, main, NOW + 5 * MINUTE, NOW + 60 * MINUTE, **OUTAGE)

    found = await store.reader.tick_groups(main.pipeline_id, [a_window()], 100)

    assert [get_outcome(group) for group in found] == [
        (0, 0, 1, TickState.MISSED, TickReason.OUTAGE, 2),
        (0, 2, 3, TickState.SKIPPED, TickReason.OVERLAP, 2),
        (0, 4, 4, TickState.SKIPPED, TickReason.OVERLAP, 1),
        (0, 5, 5, TickState.MISSED, TickReason.OUTAGE, 1),
    ]
    assert [group.message for group in found] == ["Down.", "Run 1 was not over.", "Run 2 was not over.", "Down."]


async def test_runs_are_counted_and_those_that_wait_are_apart(store: StoreUnderTest) -> None:
    (main,) = await a_scheduled_pipeline(store, main=None)
    pipeline = await store.reader.pipeline(main.pipeline_id)
    run_id = await add_run(store, pipeline, main)  # type: ignore[arg-type]
    for minute in range(12):
        await add_ticks(store, main, NOW + minute * MINUTE, run_id=10_000 + minute)
    await add_ticks(store, main, NOW + 12 * MINUTE, run_id=run_id)

    over, queued = await store.reader.tick_groups(main.pipeline_id, [a_window()], 100)

    assert (over.count, over.runs, list(over.run_ids), over.is_queued) == (12, 12, list(range(10_000, 10_010)), False)
    assert (queued.count, queued.runs, list(queued.run_ids), queued.is_queued) == (1, 1, [run_id], True)


async def test_ticks_at_given_times_are_groups_of_their_own(store: StoreUnderTest) -> None:
    (main,) = await a_scheduled_pipeline(store, main=None)
    await add_ticks(store, main, *(NOW + minute * MINUTE for minute in range(5)), **OUTAGE)

    found = await store.reader.tick_groups(main.pipeline_id, [a_window(apart=[NOW + 2 * MINUTE])], 100)

    assert [get_outcome(group)[1:3] for group in found] == [(0, 1), (2, 2), (3, 4)]


async def test_windows_have_their_own_groups_and_no_other_schedule_is_in_them(store: StoreUnderTest) -> None:
    main, other = await a_scheduled_pipeline(store, main=None, other=None)
    (foreign,) = await a_scheduled_pipeline(store, "foreign", main=None)
    for schedule in (main, other, foreign):
        await add_ticks(store, schedule, *(NOW + minute * MINUTE for minute in range(10)))

    windows = [a_window(minutes=3), a_window("other", since=NOW + 5 * MINUTE), a_window(since=NOW + 7 * MINUTE)]
    found = await store.reader.tick_groups(main.pipeline_id, windows, 100)

    assert [(group.window, group.count) for group in found] == [(0, 3), (1, 5), (2, 3)]
    assert await store.reader.tick_groups(main.pipeline_id, [], 100) == []
    assert await store.reader.tick_groups(404, windows, 100) == []


async def test_the_ticks_of_removed_schedules_are_in_their_groups(store: StoreUnderTest) -> None:
    (main,) = await a_scheduled_pipeline(store, main=None)
    await add_ticks(store, main, NOW, NOW + MINUTE)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(main.pipeline_id, lock=True)
        await work.schedules.remove([main.id], NOW)
        await work.commit()

    (group,) = await store.reader.tick_groups(main.pipeline_id, [a_window()], 100)

    assert group.count == 2


async def test_the_last_row_before_a_window_is_given_if_it_counts_more_ticks(store: StoreUnderTest) -> None:
    one, many = await a_scheduled_pipeline(store, one=None, many=None)
    await add_ticks(store, one, NOW - MINUTE, **OUTAGE)
    await add_ticks(store, many, NOW - 2 * MINUTE, count=500, **OUTAGE)
    await add_ticks(store, many, NOW + 30 * MINUTE, count=7, **OUTAGE)

    found = await store.reader.tick_groups(one.pipeline_id, [a_window("one"), a_window("many")], 100)

    assert [(group.window, group.count, group.last_count, group.is_before) for group in found] == [(1, 500, 500, True), (1, 7, 7, False)]


async def test_too_many_groups_are_mixed_by_the_hour(store: StoreUnderTest) -> None:
    (main,) = await a_scheduled_pipeline(store, main=None)
    start = NOW.replace(minute=0)
    for minute in range(0, 120, 4):
        await add_ticks(store, main, start + minute * MINUTE, run_id=1_000 + minute)
        await add_ticks(store, main, start + (minute + 2) * MINUTE, **OVERLAP)

    found = await store.reader.tick_groups(main.pipeline_id, [a_window(since=start, until=start + 2 * HOUR)], 59)

    assert [(group.state, group.count, group.runs, group.message, group.is_mixed) for group in found] == [
        (TickState.FIRED, 15, 15, None, True),
        (TickState.SKIPPED, 15, 0, None, True),
        (TickState.FIRED, 15, 15, None, True),
        (TickState.SKIPPED, 15, 0, None, True),
    ]
    assert [list(group.run_ids) for group in found[::2]] == [[1_000 + 4 * n for n in range(10)], [1_060 + 4 * n for n in range(10)]]
    plain = await store.reader.tick_groups(main.pipeline_id, [a_window(since=start, until=start + 2 * HOUR)], 60)
    assert len(plain) == 60


async def test_the_revisions_of_a_day_begin_with_the_one_in_force(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work, "nightly")
    for hours in (1, 2, 3):
        async with store.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            await work.pipelines.revise(pipeline.id, pipeline.definition, pipeline.created_at + hours * HOUR)
            await work.commit()
    created = pipeline.created_at

    async def list_numbers(since: timedelta, until: timedelta, limit: int = 10) -> list[int]:
        found = await store.reader.revisions_between(pipeline.id, created + since, created + until, limit=limit)
        return [view.revision for view in found]

    assert await list_numbers(1.5 * HOUR, 2.5 * HOUR) == [2, 3]
    assert await list_numbers(2 * HOUR, 3 * HOUR) == [3]
    assert await list_numbers(-HOUR, 9 * HOUR) == [1, 2, 3, 4]
    assert await list_numbers(-HOUR, 9 * HOUR, limit=2) == [3, 4]
    assert await list_numbers(-2 * HOUR, -HOUR) == []


async def test_times_of_runs_are_read_by_id_and_by_when_they_were_opened(store: StoreUnderTest) -> None:
    (main,) = await a_scheduled_pipeline(store, main=None)
    pipeline = await store.reader.pipeline(main.pipeline_id)
    ids = [await add_run(store, pipeline, main) for _ in range(3)]  # type: ignore[arg-type]
    opened = (await store.reader.run_times(ids[:1]))[0].created_at

    by_id = await store.reader.run_times([*ids[:2], 404, 2**70])
    within = await store.reader.run_times_between(main.pipeline_id, opened, opened + HOUR, 2)

    assert sorted(run.id for run in by_id) == ids[:2]
    assert (by_id[0].status, by_id[0].trigger, by_id[0].finished_at) == (Status.QUEUED, "schedule", None)
    assert [run.id for run in within] == ids[1:]
    assert await store.reader.run_times_between(main.pipeline_id, opened - HOUR, opened, 10) == []
