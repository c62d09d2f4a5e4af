from datetime import timedelta

from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.logs import NewLogLine
from application.ports.persistence.receipts import Receipt, ReceiptKey
from application.ports.persistence.reporters import ReporterKey, TakenReport
from application.ports.persistence.workers import WorkerStatus
from domain.access.api_tokens import ApiToken, TokenKind
from domain.concurrency.bucket import Bucket
from domain.concurrency.group import GroupUse
from domain.concurrency.slots import SlotChange, SlotState
from domain.runs.attempt_log import LogLimit
from domain.schedules.tick import Tick, TickState
from domain.site_events import SiteEvent, SiteEventType
from tests.contracts.persistence.test_schedules import add_schedules
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_run_of, a_stored_run

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
SOON = NOW + 5 * WEEK
"""NOW is a Monday at nine, so this is after the weeks that get partitions."""


async def a_run_with_output(store: StoreUnderTest) -> int:
    run_id = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work))
    async with store.open_unit_of_work() as work:
        await work.logs.append(
            run_id, "a", 1, [NewLogLine(0, NOW, "stdout", "now"), NewLogLine(1, NOW + 2 * WEEK, "stdout", "later")], LogLimit(1_000)
        )
        await work.commit()
    return run_id


async def output(store: StoreUnderTest, run_id: int) -> list[str]:
    return [line.text for line in await store.reader.log(run_id, stage=None, attempt=None, after=0, limit=10)]


async def test_partitions_of_this_week_and_the_next_ones_are_created_once(store: StoreUnderTest) -> None:
    made = await store.retention.create_partitions(NOW)

    assert made[0] == "event_p20260302"
    assert len(made) == 15
    assert await store.retention.create_partitions(NOW) == []
    assert await store.retention.create_partitions(NOW + WEEK) == ["event_p20260406", "log_line_p20260406", "tick_p20260406"]


async def test_data_stored_before_its_partition_is_still_read(store: StoreUnderTest) -> None:
    run_id = await a_run_with_output(store)
    before = await store.reader.events(run_id, 0, 100)

    await store.retention.create_partitions(NOW)

    assert await store.reader.events(run_id, 0, 100) == before
    assert await output(store, run_id) == ["now", "later"]


async def test_logs_are_dropped_by_week_and_the_rest_stays(store: StoreUnderTest) -> None:
    await store.retention.create_partitions(NOW)
    run_id = await a_run_with_output(store)

    assert await store.retention.drop_logs(NOW + WEEK - DAY) == []
    assert await output(store, run_id) == ["now", "later"]
    assert await store.retention.drop_logs(NOW + WEEK) == ["log_line_p20260302"]

    assert await output(store, run_id) == ["later"]
    assert len(await store.reader.events(run_id, 0, 100)) > 0


async def test_a_run_without_its_old_events_still_exists_and_continues(store: StoreUnderTest) -> None:
    await store.retention.create_partitions(NOW)
    run_id = await a_run_with_output(store)
    before = await store.reader.run(run_id)

    dropped = await store.retention.drop_events(SOON)

    assert len(dropped) == 5
    assert await store.reader.events(run_id, 0, 100) == []
    assert await store.reader.run(run_id) == before
    assert before is not None
    async with store.open_unit_of_work() as work:
        run = (await work.runs.lock([run_id]))[run_id]
        run.cancel(SOON, "ada")
        await work.runs.save(run)
        await work.commit()
    (first, *_) = await store.reader.events(run_id, 0, 100)
    assert first.seq == before.last_seq + 1


async def test_ticks_are_dropped_by_the_week_in_which_they_were_due(store: StoreUnderTest) -> None:
    await store.retention.create_partitions(NOW)
    (schedule,) = await add_schedules(store, await a_pipeline(store.open_unit_of_work), nightly=None)
    old, young, stray = (Tick(schedule.id, schedule.pipeline_id, at, at, TickState.WAITING, SOON) for at in (NOW, NOW + WEEK, NOW - WEEK))
    async with store.open_unit_of_work() as work:
        await work.ticks.add([old, young, stray])
        await work.commit()

    assert await store.retention.drop_ticks(NOW + WEEK) == ["tick_p20260302"]

    async with store.open_unit_of_work() as work:
        assert await work.ticks.list_open([schedule.id]) == [young]


async def test_schedules_are_deleted_some_time_after_they_were_removed(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    old, young, _ = await add_schedules(store, pipeline, old=None, young=None, current=None)
    async with store.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.schedules.remove([old.id], NOW)
        await work.schedules.remove([young.id], NOW + DAY)
        await work.commit()

    assert await store.retention.delete_schedules(NOW + DAY) == 1
    assert await store.retention.delete_schedules(NOW + DAY) == 0

    async with store.open_unit_of_work() as work:
        assert [schedule.name for schedule in await work.schedules.list_of(pipeline.id)] == ["current"]


async def test_data_outside_the_partitions_is_deleted_too(store: StoreUnderTest) -> None:
    run_id = await a_run_with_output(store)

    assert await store.retention.drop_logs(NOW + DAY) == []

    assert await output(store, run_id) == ["later"]


async def test_old_site_events_are_deleted_and_recent_ones_are_still_delivered(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(SiteEventType.TICK, at) for at in (NOW, NOW + DAY)])
        await work.commit()

    assert await store.retention.delete_site_events(NOW + DAY) == 1
    assert await store.retention.delete_site_events(NOW + DAY) == 0

    position = await store.change_feed.position()
    async with store.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(SiteEventType.PIPELINE_CHANGED, NOW + DAY)])
        await work.commit()
    assert [event.type for event in (await store.change_feed.read(position)).site_events] == [SiteEventType.PIPELINE_CHANGED]


async def test_old_answers_are_deleted_and_recent_ones_stay(store: StoreUnderTest) -> None:
    run_id = await a_run_with_output(store)
    old, young = ReceiptKey(run_id, "ci", "old"), ReceiptKey(run_id, "ci", "young")
    keys = [IdempotencyKey("POST /trigger/nightly", name, b"1") for name in ("old", "young")]
    async with store.open_unit_of_work() as work:
        for receipt, key, at in ((old, keys[0], NOW), (young, keys[1], NOW + DAY)):
            await work.receipts.add({receipt: Receipt(b"1", {"why": None})}, at)
            await work.idempotency.find(key, at)
            await work.idempotency.add(key, {"run_id": 1})
        await work.commit()

    assert await store.retention.delete_receipts(NOW + DAY) == 1
    assert await store.retention.delete_idempotency_answers(NOW + DAY) == 1

    async with store.open_unit_of_work() as work:
        assert list(await work.receipts.find([old, young])) == [young]
        assert await work.idempotency.find(keys[0], SOON) is None
        assert await work.idempotency.find(keys[1], SOON) == {"run_id": 1}


async def test_workers_that_are_not_seen_any_more_are_deleted(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        await work.workers.record_seen(WorkerStatus("old", "old", "headgate", 1, 1), NOW)
        await work.workers.record_seen(WorkerStatus("young", "young", "headgate", 1, 1), NOW + DAY)
        await work.commit()

    assert await store.retention.delete_workers(NOW + DAY) == 1
    assert await store.retention.delete_workers(NOW + DAY) == 0


async def test_workers_of_a_token_are_deleted_unless_they_run(store: StoreUnderTest) -> None:
    async with store.open_unit_of_work() as work:
        token = await work.api_tokens.add(ApiToken(0, "lab", TokenKind.WORKER, (), None, "x9Zq", None, NOW), b"lab")
        for name, at in (("old", NOW), ("running", NOW), ("young", NOW + DAY)):
            await work.workers.record_token_use(token.id, name, None, at)
        await work.workers.record_seen(WorkerStatus("r", "running", "headgate", 1, 1, token_id=token.id), NOW)
        await work.commit()

    assert await store.retention.delete_token_workers(NOW + DAY) == 1

    async with store.open_unit_of_work() as work:
        assert [worker.name for worker in await work.workers.list_token_workers([token.id], 600, 9)] in (
            ["young", "running"],
            ["running", "young"],
        )


async def test_reporters_that_report_no_more_are_forgotten(store: StoreUnderTest) -> None:
    key = ReporterKey((await a_pipeline(store.open_unit_of_work)).id, "ci")
    async with store.open_unit_of_work() as work:
        await work.reporters.save({key: TakenReport(b"1", 1, None)})
        await work.commit()

    assert await store.retention.delete_reporters(NOW - 3_650 * DAY) == 0
    assert await store.retention.delete_reporters(NOW + 36_500 * DAY) == 1

    async with store.open_unit_of_work() as work:
        assert await work.reporters.find([key]) == {}


async def test_only_groups_that_nothing_needs_are_deleted(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    run = a_run_of(pipeline)
    buckets = {name: (Bucket(f"group:{name}", f"group:{name}"),) for name in ("held", "awaited")}
    run.slot_changes = {
        None: SlotChange(None, SlotState.HELD, buckets["held"], 0, NOW),
        0: SlotChange(0, SlotState.WAITING, buckets["awaited"], 0, NOW),
    }
    async with store.open_unit_of_work() as work:
        await work.concurrency.lock_groups()
        for name in ("used", "held", "awaited", "old"):
            await work.concurrency.set_group_limit(name, 4, None, NOW)
        await work.concurrency.set_group_limit("set", 4, "ada", NOW)
        await work.concurrency.set_uses(pipeline.id, [GroupUse("used", 4, True, 0)])
        await work.concurrency.set_limits(pipeline.id, {f"pipeline:{pipeline.id}": 1}, NOW)
        await work.runs.add(run)
        await work.commit()

    assert await store.retention.delete_unused_groups() == 1
    assert await store.retention.delete_unused_groups() == 0

    async with store.open_unit_of_work() as work:
        own = Bucket(f"pipeline:{pipeline.id}", f"pipeline:{pipeline.id}")
        assert list(await work.concurrency.lock_groups()) == ["awaited", "held", "set", "used"]
        assert (await work.concurrency.lock([own]))[own.name].limit == 1
