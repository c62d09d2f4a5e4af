"""Losing PostgreSQL, and going on once it is back, without a restart."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from adapters.persistence.database import Database
from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from domain.errors import Unavailable
from tests.integration.persistence.database_helpers import a_started_database, all_connections_taken, end_sessions
from tests.support.builders import a_pipeline, a_run_of, a_stored_run
from tests.support.postgres import a_server


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_idle_connections_that_were_cut_are_replaced_silently(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)
    async with database.engine.connect(), database.engine.connect():
        pass  # two connections lie in the pool
    assert await end_sessions(database, "headgate") >= 1

    await a_stored_run(database.open_unit_of_work, pipeline)

    assert len(await database.reader.runs(pipeline_id=pipeline.id, status=None, skip=0, limit=5)) == 1


async def test_a_transaction_that_is_cut_is_unavailable_and_rolled_back(database: Database) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work)

    async with database.open_unit_of_work() as work:
        await work.runs.add(a_run_of(pipeline))
        await end_sessions(database, "headgate")
        with pytest.raises(Unavailable):
            await work.commit()

    assert await database.reader.runs(pipeline_id=None, status=None, skip=0, limit=5) == []


# A connection whose server went while it was being opened or closed is left to the collector, which says so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
async def test_connections_cut_at_any_time_only_raise_unavailable(database: Database) -> None:
    """Also in the moment in which one is given back, when all that matters is committed, or never will be."""
    pipeline, cuts, outcomes = await a_pipeline(database.open_unit_of_work), 80, Counter[str]()
    done = asyncio.Event()

    async def work() -> None:
        while not done.is_set():
            try:
                run_id = await a_stored_run(database.open_unit_of_work, pipeline)
                async with database.open_unit_of_work() as unit:
                    await unit.runs.lock([run_id])
                outcomes["done"] += 1
            except Unavailable:
                outcomes["unavailable"] += 1

    async def cut() -> None:
        for _ in range(cuts):
            await asyncio.sleep(0.02)  # long enough for some to be in the middle, whatever they are in the middle of
            await end_sessions(database, "headgate")
        done.set()

    await asyncio.gather(cut(), *(work() for _ in range(8)))

    assert set(outcomes) == {"done", "unavailable"}
    assert database.vitals.connections()[1] == 0
    gc.collect()


async def test_a_listener_that_was_cut_reconnects_and_wakes_its_readers(database: Database) -> None:
    waiting = asyncio.create_task(database.change_feed.wait(20))
    assert await end_sessions(database, "headgate-listener") == 1

    async with asyncio.timeout(10):
        assert list(await waiting) == [], "woken to read what it may have missed"
        await database.change_feed.announce(log_run_ids=[7])
        while list(await database.change_feed.wait(1)) != [7]:
            pass


async def test_calls_are_unavailable_without_a_server_and_work_when_it_is_back() -> None:
    with a_server() as server:
        await asyncio.to_thread(upgrade, server.url("headgate"))
        async with a_started_database(server.url("headgate")) as database:
            pipeline = await a_pipeline(database.open_unit_of_work)
            cursor = await database.change_feed.position()

            await asyncio.to_thread(server.stop)

            assert not await database.reader.is_ready()
            for lost in (
                a_stored_run(database.open_unit_of_work, pipeline),
                database.reader.board(),
                database.reader.events(1, 0, 10),
                database.change_feed.read(cursor),
                database.change_feed.announce(),
            ):
                with pytest.raises(Unavailable):
                    await lost

            await asyncio.to_thread(server.start)

            run_id = await a_stored_run(database.open_unit_of_work, pipeline)
            assert {event.run_id for event in (await database.change_feed.read(cursor)).events} == {run_id}
            assert await database.reader.is_ready()


async def test_a_database_that_is_not_migrated_is_unavailable(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    try:
        with pytest.raises(Unavailable, match="not migrated"):
            await database.start()
        assert not await database.reader.is_ready()
    finally:
        await database.stop()


async def test_a_server_that_was_never_there_is_unavailable(postgres: EmbeddedPostgres) -> None:
    database = Database("postgresql://nobody@/nothing?host=/nonexistent")
    try:
        with pytest.raises(Unavailable, match="does not respond"):
            await database.start()
    finally:
        await database.stop()


async def test_transactions_without_a_connection_wait_and_become_unavailable(database_url: str, database: Database) -> None:
    async with all_connections_taken(database_url) as (_, another):
        with pytest.raises(Unavailable, match="taken"):
            await another.pipelines.count()
