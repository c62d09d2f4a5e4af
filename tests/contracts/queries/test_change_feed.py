import asyncio

import pytest

from application.ports.persistence.logs import NewLogLine
from domain.runs.attempt_log import LogLimit
from domain.runs.events import EventType
from domain.site_events import SiteEvent, SiteEventType
from tests.contracts.stores import StoreUnderTest
from tests.support.builders import NOW, a_pipeline, a_run_of, a_stored_run


async def test_events_since_a_cursor_are_read_once_and_in_order(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    await a_stored_run(store.open_unit_of_work, pipeline)
    cursor = await store.change_feed.position()
    run_id = await a_stored_run(store.open_unit_of_work, pipeline)

    batch = await store.change_feed.read(cursor)
    after = await store.change_feed.read(batch.cursor)

    assert list(batch.events) == await store.reader.events(run_id, 0, 100)
    assert list(after.events) == []


async def test_a_cursor_is_valid_in_every_process(store: StoreUnderTest) -> None:
    cursor = await store.change_feed.position()
    pipeline = await a_pipeline(store.open_unit_of_work)
    await a_stored_run(store.open_unit_of_work, pipeline)

    batch = await store.other_feed.read(cursor)

    assert len(batch.events) > 0
    assert list((await store.change_feed.read(batch.cursor)).events) == []


async def test_rolled_back_events_are_never_read(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    cursor = await store.change_feed.position()

    async with store.open_unit_of_work() as work:
        await work.runs.add(a_run_of(pipeline))

    assert list((await store.change_feed.read(cursor)).events) == []


async def test_a_transaction_that_commits_late_is_not_missed(store: StoreUnderTest) -> None:
    """A counter as cursor would miss its events: they have lower numbers than the other's and are committed later."""
    one = await a_pipeline(store.open_unit_of_work, "one")
    two = await a_pipeline(store.open_unit_of_work, "two")
    cursor = await store.change_feed.position()

    async with store.open_unit_of_work() as slow:
        late = await slow.runs.add(a_run_of(one))
        early = await a_stored_run(store.open_unit_of_work, two)
        first = await store.change_feed.read(cursor)
        await slow.commit()
    second = await store.change_feed.read(first.cursor)

    assert {event.run_id for event in first.events} == {early}
    assert {event.run_id for event in second.events} == {late}


async def test_following_the_cursor_under_concurrent_writes_misses_and_repeats_nothing(store: StoreUnderTest) -> None:
    pipelines = [await a_pipeline(store.open_unit_of_work, f"p{n}") for n in range(4)]
    cursor = await store.change_feed.position()
    seen: list[tuple[int, int]] = []

    async def write() -> None:
        for _ in range(5):
            await asyncio.gather(*(a_stored_run(store.open_unit_of_work, pipeline) for pipeline in pipelines))

    async def read(cursor: str) -> str:
        batch = await store.change_feed.read(cursor)
        seen.extend((event.run_id, event.seq) for event in batch.events)
        return batch.cursor

    writing = asyncio.ensure_future(write())
    while not writing.done():
        cursor = await read(cursor)
        await asyncio.sleep(0)
    await writing
    await read(cursor)

    runs = await store.reader.runs(pipeline_id=None, status=None, skip=0, limit=100)
    assert len(runs) == 20
    assert sorted(seen) == sorted((run.id, seq) for run in runs for seq in range(1, run.last_seq + 1))
    for run in runs:
        own = [seq for run_id, seq in seen if run_id == run.id]
        assert own == sorted(own)


async def test_reading_with_a_small_limit_returns_everything_eventually(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    cursor = await store.change_feed.position()
    runs = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(5)]
    seen: list[tuple[int, int]] = []

    for _ in range(100):
        batch = await store.change_feed.read(cursor, limit=7)
        if not batch.events:
            break
        seen.extend((event.run_id, event.seq) for event in batch.events)
        cursor = batch.cursor

    whole = [(event.run_id, event.seq) for run_id in runs for event in await store.reader.events(run_id, 0, 100)]
    assert sorted(seen) == sorted(whole)


async def test_reading_some_event_types_returns_all_of_them_and_no_others(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    cursor = await store.change_feed.position()
    runs = [await a_stored_run(store.open_unit_of_work, pipeline) for _ in range(5)]
    seen: list[tuple[int, int]] = []
    here = cursor

    for _ in range(100):
        batch = await store.change_feed.read(here, 2, [EventType.STAGE_MOVED])
        seen.extend((event.run_id, event.seq) for event in batch.events)
        here = batch.cursor
        if len(batch.events) < 2:
            break

    whole = [event for run_id in runs for event in await store.reader.events(run_id, 0, 100)]
    wanted = [(event.run_id, event.seq) for event in whole if event.type is EventType.STAGE_MOVED]
    assert 0 < len(wanted) < len(whole)
    assert sorted(seen) == sorted(wanted)
    assert list((await store.change_feed.read(here)).events) == [], "the cursor is beyond what was left out"


async def write_site_events(store: StoreUnderTest, *numbers: int) -> None:
    async with store.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(SiteEventType.TICK, NOW, 7, "ada", {"n": number}) for number in numbers])
        await work.commit()


async def test_site_events_are_read_once_with_all_their_fields(store: StoreUnderTest) -> None:
    await write_site_events(store, 0)
    cursor = await store.change_feed.position()
    await write_site_events(store, 1, 2)
    async with store.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(SiteEventType.PIPELINE_CHANGED, NOW)])
        await work.commit()

    batch = await store.change_feed.read(cursor)

    facts = [(event.type, event.at, event.pipeline_id, event.actor, event.data) for event in batch.site_events]
    assert facts == [
        (SiteEventType.TICK, NOW, 7, "ada", {"n": 1}),
        (SiteEventType.TICK, NOW, 7, "ada", {"n": 2}),
        (SiteEventType.PIPELINE_CHANGED, NOW, None, None, {}),
    ]
    assert (list(batch.events), batch.event_count) == ([], 3)
    assert (await store.change_feed.read(batch.cursor)).event_count == 0


async def test_rolled_back_site_events_are_never_read(store: StoreUnderTest) -> None:
    cursor = await store.change_feed.position()

    async with store.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(SiteEventType.TICK, NOW)])

    assert (await store.change_feed.read(cursor)).event_count == 0


async def test_site_events_of_a_transaction_that_commits_late_are_not_missed(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    cursor = await store.change_feed.position()

    async with store.open_unit_of_work() as slow:
        await slow.site_events.add([SiteEvent(SiteEventType.PIPELINE_PAUSED, NOW, pipeline.id)])
        await slow.pipelines.find(pipeline.id)  # sends what is buffered
        await write_site_events(store, 1)
        await a_stored_run(store.open_unit_of_work, pipeline)
        first = await store.change_feed.read(cursor)
        await slow.commit()
    second = await store.change_feed.read(first.cursor)

    assert [event.type for event in first.site_events] == [SiteEventType.TICK]
    assert len(first.events) > 0
    assert [event.type for event in second.site_events] == [SiteEventType.PIPELINE_PAUSED]
    assert list(second.events) == []


@pytest.mark.parametrize("limit", [1, 2, 5, 7])
async def test_pages_hold_events_of_both_kinds_each_once(store: StoreUnderTest, limit: int) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    cursor = await store.change_feed.position()
    for number in range(0, 6, 2):
        await write_site_events(store, number, number + 1)
        await a_stored_run(store.open_unit_of_work, pipeline)
    events: list[tuple[int, int]] = []
    numbers: list[int] = []

    for _ in range(100):
        batch = await store.change_feed.read(cursor, limit)
        assert batch.event_count <= limit
        events.extend((event.run_id, event.seq) for event in batch.events)
        numbers.extend(event.data["n"] for event in batch.site_events)
        cursor = batch.cursor
        if batch.event_count < limit:
            break

    runs = await store.reader.runs(pipeline_id=None, status=None, skip=0, limit=9)
    assert sorted(events) == sorted((run.id, seq) for run in runs for seq in range(1, run.last_seq + 1))
    assert numbers == list(range(6))
    assert (await store.change_feed.read(cursor)).event_count == 0


async def test_site_events_are_read_whatever_types_of_run_events_are_selected(store: StoreUnderTest) -> None:
    pipeline = await a_pipeline(store.open_unit_of_work)
    cursor = await store.change_feed.position()
    await a_stored_run(store.open_unit_of_work, pipeline)
    await write_site_events(store, 1)

    batch = await store.change_feed.read(cursor, 1_000, [EventType.REPORT_LATE])

    assert (len(batch.events), len(batch.site_events)) == (0, 1)
    assert (await store.change_feed.read(batch.cursor)).event_count == 0


async def test_runs_with_new_log_lines_are_named(store: StoreUnderTest) -> None:
    run_id = await a_stored_run(store.open_unit_of_work, await a_pipeline(store.open_unit_of_work))
    cursor = await store.change_feed.position()

    async with store.open_unit_of_work() as work:
        await work.logs.append(run_id, "a", 1, [NewLogLine(0, NOW, "stdout", "line")], LogLimit(1_000))
        await work.commit()

    batch = await store.change_feed.read(cursor)
    assert list(batch.logs) == [run_id]
    assert list((await store.change_feed.read(batch.cursor)).logs) == []


@pytest.mark.parametrize("cursor", ["", "nonsense", "fake:", "fake:-1", "fake:99999999", "1:2:3:4", "12;DROP TABLE event", "\0", "9" * 400])
async def test_an_invalid_cursor_is_a_value_error(store: StoreUnderTest, cursor: str) -> None:
    with pytest.raises(ValueError):
        await store.change_feed.read(cursor)


async def listening(store: StoreUnderTest) -> None:
    """Wait until both processes listen. Until then, a wait can end early and a notification can be lost."""
    for run_id, feed in enumerate((store.change_feed, store.other_feed), start=901):
        async with asyncio.timeout(10):
            while run_id not in await feed.wait(0.2):
                await store.other_feed.announce(log_run_ids=[run_id])
    for feed in (store.change_feed, store.other_feed):
        while await feed.wait(0.1):
            pass


async def test_a_notification_wakes_every_process(store: StoreUnderTest) -> None:
    await listening(store)
    waits = [asyncio.ensure_future(feed.wait(20)) for feed in (store.change_feed, store.other_feed)]

    await store.change_feed.announce(log_run_ids=[3, 5])

    async with asyncio.timeout(5):
        grown = await asyncio.gather(*waits)
    assert [sorted(ids) for ids in grown] == [[3, 5], [3, 5]]


async def test_a_notification_without_logs_wakes_too(store: StoreUnderTest) -> None:
    await listening(store)
    waiting = asyncio.ensure_future(store.other_feed.wait(20))

    await store.change_feed.announce()

    async with asyncio.timeout(5):
        assert list(await waiting) == []


async def test_waiting_ends_after_its_timeout(store: StoreUnderTest) -> None:
    async with asyncio.timeout(5):
        assert list(await store.change_feed.wait(0.05)) == []


async def test_a_notification_between_two_waits_ends_the_next_wait(store: StoreUnderTest) -> None:
    await listening(store)

    for run_id in (1, 2, 3):
        await store.change_feed.announce(log_run_ids=[run_id])
        async with asyncio.timeout(5):
            assert list(await store.other_feed.wait(20)) == [run_id]
