"""The change feed against transactions that commit in an order of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator

import psycopg
import pytest

from adapters.persistence.database import Database
from adapters.persistence.embedded.server import DATABASE, EmbeddedPostgres
from adapters.persistence.feed.feed_cursor import FeedCursor, truncate_snapshot
from adapters.persistence.migrate import upgrade
from application.queries.views.events import EventView
from domain.site_events import SiteEvent, SiteEventType
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.builders import NOW, WORKER, a_pipeline, a_run_of, a_stored_run
from tests.support.postgres import a_server


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def read_all(database: Database, cursor: str, limit: int = 1_000) -> tuple[list[EventView], str]:
    events: list[EventView] = []
    while True:
        batch = await database.change_feed.read(cursor, limit)
        assert len(batch.events) <= limit
        events += batch.events
        if batch.cursor == cursor or "~" not in batch.cursor:
            return events, batch.cursor
        cursor = batch.cursor


def keys(events: list[EventView]) -> list[tuple[int, int]]:
    return [(event.run_id, event.seq) for event in events]


async def test_transactions_that_commit_out_of_order_lose_and_repeat_nothing(database: Database) -> None:
    early, late = [await a_pipeline(database.open_unit_of_work, name) for name in ("early", "late")]
    cursor = await database.change_feed.position()
    seen: list[tuple[int, int]] = []

    async with database.open_unit_of_work() as slow:
        slow_run = await slow.runs.add(a_run_of(early))
        async with database.open_unit_of_work() as quick:
            quick_run = await quick.runs.add(a_run_of(late))
            await quick.commit()
        events, cursor = await read_all(database, cursor)
        assert {event.run_id for event in events} == {quick_run}
        seen += keys(events)
        await slow.commit()
    events, cursor = await read_all(database, cursor)
    seen += keys(events)

    assert {event.run_id for event in events} == {slow_run}
    assert len(seen) == len(set(seen))
    assert keys((await read_all(database, cursor))[0]) == []


async def test_a_runs_events_are_in_order_even_if_an_older_transaction_wrote_later_ones(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)
    run_id = await a_stored_run(database.open_unit_of_work, pipeline)
    cursor = await database.change_feed.position()

    async with database.open_unit_of_work() as older:
        await older.runs.add(a_run_of(pipeline, 2))
        async with database.open_unit_of_work() as younger:
            run = (await younger.runs.lock([run_id]))[run_id]
            run.claim(1, WORKER, NOW)
            await younger.runs.save(run)
            await younger.commit()
        run = (await older.runs.lock([run_id]))[run_id]
        run.start_ready_stages(1, WORKER, NOW)
        await older.runs.save(run)
        await older.commit()
    events, _ = await read_all(database, cursor)

    seqs = [event.seq for event in events if event.run_id == run_id]
    assert len(seqs) > 1
    assert seqs == [*range(seqs[0], seqs[0] + len(seqs))]


async def test_a_batch_past_the_limit_is_read_in_pages_while_others_write(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)
    cursor = await database.change_feed.position()
    for _ in range(3):
        await a_stored_run(database.open_unit_of_work, pipeline)

    first = await database.change_feed.read(cursor, 2)
    await a_stored_run(database.open_unit_of_work, pipeline)
    rest, cursor = await read_all(database, first.cursor, 2)
    after, _ = await read_all(database, cursor)

    everything = keys([*first.events, *rest, *after])
    runs = await database.reader.runs(pipeline_id=None, status=None, skip=0, limit=9)
    stored = [(run.id, seq) for run in runs for seq in range(1, run.last_seq + 1)]
    assert len(first.events) == 2
    assert sorted(everything) == sorted(stored)


async def write_site_event(database: Database) -> None:
    async with database.open_unit_of_work() as work:
        await work.site_events.add([SiteEvent(SiteEventType.TICK, NOW)])
        await work.commit()


async def test_pages_of_site_events_and_events_are_read_while_others_write(database: Database) -> None:
    """Pages end among the site events, between both kinds, and among the events; what commits meanwhile comes after them."""
    pipeline = await a_pipeline(database.open_unit_of_work)
    for limit in range(1, 8):
        cursor = await database.change_feed.position()
        for _ in range(3):
            await write_site_event(database)
        stored = await database.reader.run(await a_stored_run(database.open_unit_of_work, pipeline))
        assert stored is not None
        events: list[tuple[int, int]] = []
        extra = 2

        while (batch := await database.change_feed.read(cursor, limit)).event_count:
            assert batch.event_count <= limit
            cursor = batch.cursor
            events += [(0, event.id) for event in batch.site_events] + keys(list(batch.events))
            if extra:
                extra -= 1
                await write_site_event(database)

        assert len(events) == len(set(events)) == 3 + 2 + stored.last_seq
        assert [run_id for run_id, _ in events[:3]] == [0, 0, 0]


@pytest.mark.parametrize("after", ["run", "site event"])
@pytest.mark.parametrize("before", ["run", "site event"])
async def test_a_cursor_survives_a_crash_that_reuses_transaction_ids(before: str, after: str) -> None:
    """Whatever was written last before the crash and first after it."""
    with a_server() as server, server.connection() as keeper:
        await asyncio.to_thread(upgrade, server.url())
        async with a_started_database(server.url()) as database:
            pipeline = await a_pipeline(database.open_unit_of_work)

            async def write(what: str) -> None:
                if what == "run":
                    await a_stored_run(database.open_unit_of_work, pipeline)
                else:
                    await write_site_event(database)

            start = await database.change_feed.position()
            await write(before)
            position = await database.change_feed.position()
            with server.connection(DATABASE) as other:
                for _ in range(50):  # each takes a number and leaves nothing behind, not even in the log that a crash spares
                    with other.transaction(force_rollback=True):
                        other.execute("SELECT pg_current_xact_id()")
            cursors = [position, (await database.change_feed.read(position)).cursor, (await database.change_feed.read(start)).cursor]
            await asyncio.to_thread(crash, server, keeper.info.backend_pid)

            await write(after)

            for cursor in cursors:
                batch = await database.change_feed.read(cursor)
                counts = (len({event.run_id for event in batch.events}), len(batch.site_events))
                assert counts == ((1, 0) if after == "run" else (0, 1))


def crash(server: EmbeddedPostgres, backend: int) -> None:
    """kill -9 of a backend: the server throws away its memory, which ends every connection, and starts from its log."""
    deadline = time.monotonic() + 30
    with server.connection() as witness:
        os.kill(backend, signal.SIGKILL)
        with contextlib.suppress(psycopg.OperationalError):
            while time.monotonic() < deadline:
                witness.execute("SELECT 1")
                time.sleep(0.01)
        assert witness.closed, "the server did not notice it"
    while True:
        try:
            with server.connection() as connection:
                connection.execute("SELECT 1")
                return
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "the server did not come back"
            time.sleep(0.05)


def test_a_cursor_does_not_reach_beyond_the_last_write() -> None:
    assert truncate_snapshot("100:120:100,105,118", 110) == "100:111:100,105"
    assert truncate_snapshot("130:130:", 110) == "111:111:"
    assert FeedCursor("100:111:100,105").advance_to("115:120:115", 105) == "111:111:"


async def test_a_cursor_of_another_database_is_rejected(database: Database) -> None:
    ahead = int((await database.change_feed.position()).split(":")[1]) + 1_000_000

    with pytest.raises(ValueError, match="another database"):
        await database.change_feed.read(f"{ahead}:{ahead}:")
    with pytest.raises(ValueError, match="PostgreSQL"):
        await database.change_feed.read(f"{2**62}:{2**62}:")


SHAPED_WRONG = ["", ":", "1:2", "1:2:' OR 1", "٣:٣:", "1:2:~1:2:", "1:2:~1:2:~1", "1:2:~~1.1"]
IMPOSSIBLE = ["2:1:", "0:0:", "1:5:7", "1:5:3,2", "5:9:3", f"{2**63}:{2**63}:"]


@pytest.mark.parametrize("text", SHAPED_WRONG + IMPOSSIBLE)
def test_text_that_is_no_snapshot_is_no_cursor(text: str) -> None:
    with pytest.raises(ValueError):
        FeedCursor.parse(text)


@pytest.mark.parametrize("text", ["10:10:", "10:20:10,14,15", "10:20:10,14~12:30:~7.3"])
def test_a_parsed_cursor_prints_its_text(text: str) -> None:
    assert str(FeedCursor.parse(text)) == text


async def test_a_thousand_run_ids_fit_into_notifications(database: Database) -> None:
    ids = [10**15 + number for number in range(1_000)]

    await database.change_feed.announce(log_run_ids=ids)
    heard: list[int] = []
    while len(heard) < len(ids):
        grown = await database.change_feed.wait(5)
        assert grown, "nothing more was heard"
        heard += grown

    assert sorted(heard) == ids
