from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import StoredSchedule
from application.queries.views.schedules import TickCount
from domain.runs.status import Status
from domain.schedules.tick import Tick, TickReason, TickState
from tests.contracts.persistence.test_schedules import add_run, add_schedules
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline

HOUR = timedelta(hours=1)


async def a_scheduled_pipeline(store: StoreUnderTest, name: str = "nightly", **fire_at: datetime | None) -> list[StoredSchedule]:
    """Store a pipeline with schedules by name, and the times at which they fire next."""
    raw = [{"name": schedule, "cron": "0 * * * *"} for schedule in fire_at]
    pipeline: StoredPipeline = await a_pipeline(store.open_unit_of_work, name, schedules=raw)
    return await add_schedules(store, pipeline, **fire_at)


async def pause(store: StoreUnderTest, schedule: StoredSchedule, until: datetime | None = None) -> None:
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(schedule.pipeline_id, lock=True)
        await work.schedules.save([replace(schedule, paused_at=NOW, paused_by="ada", paused_until=until, next_fire_at=until)])
        await work.commit()


async def add_ticks(store: StoreUnderTest, schedule: StoredSchedule, *times: datetime, **fields: Any) -> None:
    values = {"state": TickState.FIRED, "decided_at": NOW, **fields}
    async with store.open_unit_of_work() as work:
        await work.ticks.add([Tick(schedule.id, schedule.pipeline_id, at, at + timedelta(seconds=5), **values) for at in times])
        await work.commit()


async def test_a_pipelines_schedules_have_their_definitions_and_times(store: StoreUnderTest) -> None:
    hourly, paused = await a_scheduled_pipeline(store, hourly=NOW, paused=NOW)
    await pause(store, paused, NOW + HOUR)
    await a_scheduled_pipeline(store, "other", hourly=NOW)

    first, second = await store.reader.schedules(hourly.pipeline_id)

    assert (first.id, first.name, first.pipeline, first.definition.recurrence.cron) == (hourly.id, "hourly", "nightly", "0 * * * *")
    assert (first.next_due_at, first.next_fire_at, first.next_run_at, first.paused_at) == (NOW, NOW, NOW, None)
    assert (second.paused_at, second.paused_by, second.paused_until, second.next_run_at) == (NOW, "ada", NOW + HOUR, None)
    assert await store.reader.schedules(404) == []


async def test_a_schedule_that_the_newest_revision_does_not_define_is_left_out(store: StoreUnderTest) -> None:
    (hourly,) = await a_scheduled_pipeline(store, hourly=NOW)
    pipeline = await store.reader.pipeline(hourly.pipeline_id)
    assert pipeline is not None
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.revise(pipeline.id, replace(pipeline.definition, schedules=()), NOW)
        await work.commit()

    assert await store.reader.schedules(pipeline.id) == []
    assert await store.reader.upcoming_schedules(NOW + HOUR, 10) == []


async def test_upcoming_schedules_of_all_pipelines_come_soonest_first(store: StoreUnderTest) -> None:
    *_, paused = await a_scheduled_pipeline(store, "one", late=NOW + HOUR, soon=NOW, never=None, paused=NOW)
    await pause(store, paused, NOW + HOUR / 2)
    await a_scheduled_pipeline(store, "two", between=NOW + HOUR / 4, beyond=NOW + 2 * HOUR)

    found = await store.reader.upcoming_schedules(NOW + 2 * HOUR, 10)

    assert [(view.pipeline, view.name) for view in found] == [("one", "soon"), ("two", "between"), ("one", "late")]
    assert len(await store.reader.upcoming_schedules(NOW + 2 * HOUR, 2)) == 2


async def test_the_board_says_when_each_pipeline_runs_next(store: StoreUnderTest) -> None:
    *_, paused = await a_scheduled_pipeline(store, "one", late=NOW + HOUR, soon=NOW, paused=NOW - HOUR)
    await pause(store, paused, NOW - HOUR)
    (only,) = await a_scheduled_pipeline(store, "three", only=NOW)
    await pause(store, only)
    await a_pipeline(store.open_unit_of_work, "two")

    rows = {row.pipeline.name: (row.next_run_at, row.paused_schedules) for row in await store.reader.board()}

    assert rows == {"one": (NOW, 1), "three": (None, 1), "two": (None, 0)}


async def test_recent_ticks_are_the_newest_of_each_schedule_in_their_order(store: StoreUnderTest) -> None:
    hourly, daily, other = await a_scheduled_pipeline(store, hourly=None, daily=None, other=None)
    pipeline = await store.reader.pipeline(hourly.pipeline_id)
    assert pipeline is not None
    run_id = await add_run(store, pipeline, hourly)  # type: ignore[arg-type]
    await add_ticks(store, hourly, NOW + HOUR, run_id=run_id)
    why = {"state": TickState.SKIPPED, "reason": TickReason.OVERLAP, "message": "Run 1 was not over.", "count": 3}
    await add_ticks(store, hourly, NOW + 2 * HOUR, **why)
    await add_ticks(store, hourly, NOW)
    await add_ticks(store, daily, NOW, NOW - HOUR)
    await add_ticks(store, other, NOW)

    found = await store.reader.recent_ticks([hourly.id, daily.id], 2)

    assert [(tick.schedule, tick.due_at) for tick in found] == [
        ("hourly", NOW + HOUR),
        ("hourly", NOW + 2 * HOUR),
        ("daily", NOW - HOUR),
        ("daily", NOW),
    ]
    first, second, *_ = found
    assert (first.run_id, first.run_number, first.run_status) == (run_id, 1, Status.QUEUED)
    assert (first.fire_at, first.decided_at, first.pipeline, first.pipeline_id) == (
        NOW + HOUR + timedelta(seconds=5),
        NOW,
        "nightly",
        hourly.pipeline_id,
    )
    assert (second.state, second.reason, second.message, second.count) == (
        TickState.SKIPPED,
        TickReason.OVERLAP,
        "Run 1 was not over.",
        3,
    )
    assert (second.run_id, second.run_number, second.run_status) == (None, None, None)


async def test_ticks_are_paged_newest_first_and_filtered(store: StoreUnderTest) -> None:
    (one,) = await a_scheduled_pipeline(store, "one", hourly=None)
    (two,) = await a_scheduled_pipeline(store, "two", hourly=None)
    for number in range(3):
        await add_ticks(store, one, NOW + number * HOUR)
        await add_ticks(store, two, NOW + number * HOUR, state=TickState.MISSED)
    reader = store.reader

    everything = await reader.ticks(limit=10)
    second = await reader.ticks(limit=2, below=everything[1].id)

    assert [(tick.pipeline, (tick.due_at - NOW) // HOUR) for tick in everything] == [
        ("two", 2),
        ("one", 2),
        ("two", 1),
        ("one", 1),
        ("two", 0),
        ("one", 0),
    ]
    assert second == everything[2:4]
    assert await reader.ticks(limit=2, above=everything[4].id) == everything[2:4]
    assert await reader.ticks(limit=10, pipeline_id=one.pipeline_id) == everything[1::2]
    assert await reader.ticks(limit=10, state=TickState.MISSED) == everything[0::2]
    assert await reader.ticks(limit=10, since=NOW + HOUR, until=NOW + 2 * HOUR) == everything[2:4]
    assert await reader.ticks(limit=10, pipeline_id=2**70) == []


async def test_ticks_of_a_removed_schedule_keep_its_name(store: StoreUnderTest) -> None:
    (hourly,) = await a_scheduled_pipeline(store, hourly=None)
    await add_ticks(store, hourly, NOW)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(hourly.pipeline_id, lock=True)
        await work.schedules.remove([hourly.id], NOW)
        await work.commit()

    assert [tick.schedule for tick in await store.reader.ticks(limit=5)] == ["hourly"]


async def test_ticks_are_counted_by_pipeline_time_state_and_status(store: StoreUnderTest) -> None:
    (one,) = await a_scheduled_pipeline(store, "one", hourly=None)
    (two,) = await a_scheduled_pipeline(store, "another", hourly=None)
    pipeline = await store.reader.pipeline(one.pipeline_id)
    assert pipeline is not None
    run_id = await add_run(store, pipeline, one)  # type: ignore[arg-type]
    await add_ticks(store, one, NOW, run_id=run_id)
    await add_ticks(store, one, NOW + HOUR / 4, NOW + HOUR / 2, state=TickState.SKIPPED)
    await add_ticks(store, one, NOW + HOUR, state=TickState.MISSED, count=1_500)
    await add_ticks(store, one, NOW - HOUR, NOW + 2 * HOUR)
    await add_ticks(store, two, NOW + HOUR)

    counts = await store.reader.tick_counts(NOW, NOW + 2 * HOUR, HOUR, 100)

    ids = one.pipeline_id, two.pipeline_id
    assert sorted(counts, key=lambda each: (each.pipeline, each.start, each.state)) == [
        TickCount(ids[1], "another", NOW + HOUR, TickState.FIRED, None, 1),
        TickCount(ids[0], "one", NOW, TickState.FIRED, Status.QUEUED, 1),
        TickCount(ids[0], "one", NOW, TickState.SKIPPED, None, 2),
        TickCount(ids[0], "one", NOW + HOUR, TickState.MISSED, None, 1_500),
    ]
    assert [count.pipeline for count in counts] == ["another", "one", "one", "one"]
    newest = await store.reader.tick_counts(NOW, NOW + 2 * HOUR, HOUR, 2)
    assert {(count.pipeline, count.start) for count in newest} == {("another", NOW + HOUR), ("one", NOW + HOUR)}


async def test_ticks_of_a_deleted_pipeline_are_left_out_at_once(store: StoreUnderTest) -> None:
    (kept,), (deleted,) = await a_scheduled_pipeline(store, "kept", hourly=None), await a_scheduled_pipeline(store, "deleted", hourly=None)
    for hours, schedule in enumerate((kept, deleted, kept)):
        await add_ticks(store, schedule, NOW + hours * HOUR)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(deleted.pipeline_id, lock=True)
        await work.schedules.remove([deleted.id], NOW)
        await work.pipelines.mark_deleted(deleted.pipeline_id, NOW)
        await work.commit()

    assert [tick.pipeline for tick in await store.reader.ticks(limit=2)] == ["kept", "kept"]
    counts = await store.reader.tick_counts(NOW, NOW + 24 * HOUR, 24 * HOUR, 100)
    assert [(count.pipeline, count.count) for count in counts] == [("kept", 2)]
    assert await store.reader.upcoming_schedules(NOW + 24 * HOUR, 10) == []
