"""Connections that stay at hand: few, whole, and nobody's who waits for one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from unittest.mock import patch

import pytest
from psycopg._pipeline_base import BasePipeline
from psycopg._preparing import PrepareManager

from adapters.persistence.connection.connection_pool import MAX_IDLE_CONNECTIONS
from adapters.persistence.database import Database
from adapters.system.json_schema import JsonSchemaValidator
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from domain.reports.report import Report
from domain.runs.status import Status
from tests.fakes import FakeClock
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.integration.persistence.database_helpers import a_started_database, all_connections_taken, ask, end_sessions
from tests.support.builders import a_pipeline, a_stage, a_stored_run


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_a_few_stay_and_the_rest_go_back(database: Database) -> None:
    async with AsyncExitStack() as together:
        units = [await together.enter_async_context(database.open_unit_of_work()) for _ in range(MAX_IDLE_CONNECTIONS + 3)]
        for unit in units:
            await unit.pipelines.count()
        assert database.vitals.connections()[1] == len(units)

    pool: Any = database.engine.pool
    assert (database.vitals.connections()[1], pool.checkedout()) == (0, MAX_IDLE_CONNECTIONS)


async def test_whoever_waits_for_one_gets_the_next_that_is_free(database_url: str, database: Database) -> None:
    async with all_connections_taken(database_url) as (last, another):
        waiting = asyncio.create_task(another.pipelines.count())
        await asyncio.sleep(0)
        await last.commit()
        async with asyncio.timeout(2.5):  # less than the pool waits
            assert await waiting == 0


async def test_all_that_were_cut_are_replaced_by_the_first_that_finds_out(database: Database) -> None:
    async with AsyncExitStack() as together:
        for _ in range(MAX_IDLE_CONNECTIONS + 3):
            unit = await together.enter_async_context(database.open_unit_of_work())
            await unit.pipelines.count()
    assert await end_sessions(database, "headgate") == MAX_IDLE_CONNECTIONS + 3

    assert await database.reader.board() == []
    await asyncio.gather(*(database.reader.board() for _ in range(MAX_IDLE_CONNECTIONS)))


async def test_a_transaction_that_was_left_leaves_its_connection_clean(database: Database) -> None:
    with pytest.raises(KeyError):
        async with database.open_unit_of_work() as work:
            await work.pipelines.count()
            raise KeyError
    async with database.open_unit_of_work() as work:
        await work.pipelines.count()
        task = asyncio.create_task(work.load_for_update([1]))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert await database.reader.board() == []
    busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'headgate' AND state LIKE 'idle in%'"
    assert await ask(database, busy) == 0


async def test_a_report_waits_for_the_server_twice(database: Database) -> None:
    """Its BEGIN goes with its questions, its COMMIT with what it writes."""
    pipeline = await a_pipeline(database.open_unit_of_work, stages=[a_stage("a", "external")])
    run_id = await a_stored_run(database.open_unit_of_work, pipeline)
    report = ReportStatus(database.open_unit_of_work, JsonSchemaValidator(), FakeClock(), FakeWakeups())
    syncs: list[None] = []
    enqueue = BasePipeline._enqueue_sync

    def counted(self: BasePipeline) -> None:
        syncs.append(None)
        enqueue(self)

    with patch.object(BasePipeline, "_enqueue_sync", counted):
        (answer,) = await report([StatusUpdate(Report(Status.RUNNING, "a"), run_id=run_id)])

    assert (answer.applied, len(syncs)) == (True, 2)


async def test_readers_do_not_have_the_driver_forget_what_it_has_prepared(database: Database) -> None:
    forgotten: list[None] = []
    clear = PrepareManager.clear

    def counted(self: PrepareManager) -> bool:
        forgotten.append(None)
        return clear(self)

    with patch.object(PrepareManager, "clear", counted):
        await database.reader.board()
        await database.reader.runs(pipeline_id=None, status=None, skip=0, limit=5)
        await database.reader.pipelines(0, 5)

    assert forgotten == []
