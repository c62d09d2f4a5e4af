"""The connection pool: who gets a connection, what state it is in, and what happens when the server cuts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from adapters.persistence.database import Database
from adapters.system.json_schema.validator import JsonSchemaValidator
from application.commands.reports.report_status import ReportStatus
from application.commands.reports.status_update import StatusUpdate
from domain.reports.report import Report
from domain.runs.status import Status
from tests.fakes import FakeClock
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.integration.persistence.database_helpers import a_started_database, all_connections_taken, end_sessions, query_value
from tests.support.builders import a_pipeline, a_stage, a_stored_run

CONNECTIONS = 7


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_units_of_work_hold_a_connection_until_they_end(database: Database) -> None:
    async with AsyncExitStack() as stack:
        units = [await stack.enter_async_context(database.open_unit_of_work()) for _ in range(CONNECTIONS)]
        for unit in units:
            await unit.pipelines.count()
        assert database.vitals.connections()[1] == CONNECTIONS

    assert database.vitals.connections()[1] == 0


async def test_a_waiting_transaction_gets_the_next_free_connection(database_url: str, database: Database) -> None:
    async with all_connections_taken(database_url) as (last, another):
        waiting = asyncio.create_task(another.pipelines.count())
        await asyncio.sleep(0)
        await last.commit()
        async with asyncio.timeout(20):
            assert await waiting == 0


async def test_one_failed_statement_replaces_every_connection_that_was_cut(database: Database) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(CONNECTIONS):
            unit = await stack.enter_async_context(database.open_unit_of_work())
            await unit.pipelines.count()
    assert await end_sessions(database, "headgate") == CONNECTIONS

    assert await database.reader.board() == []
    await asyncio.gather(*(database.reader.board() for _ in range(CONNECTIONS)))


async def test_an_abandoned_transaction_leaves_its_connection_clean(database: Database) -> None:
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
    idle_in_transaction = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    assert await query_value(database, idle_in_transaction) == 0


async def test_a_report_takes_two_round_trips(database: Database) -> None:
    """BEGIN travels with the first queries, COMMIT with the writes."""
    pipeline = await a_pipeline(database.open_unit_of_work, stages=[a_stage("a", "external")])
    run_id = await a_stored_run(database.open_unit_of_work, pipeline)
    report = ReportStatus(database.open_unit_of_work, JsonSchemaValidator(), FakeClock(), FakeWakeups())

    with database.record_queries() as recorder:
        (result,) = await report([StatusUpdate(Report(Status.RUNNING, "a"), run_id=run_id)])

    assert (result.applied, len(recorder.round_trips)) == (True, 2)


async def test_readers_keep_the_prepared_statements_of_their_connection(database: Database) -> None:
    await database.reader.run_state_versions(pipeline_id=None, status=None, skip=0, limit=5)
    prepared = await query_value(database, "SELECT count(*) FROM pg_prepared_statements")

    await database.reader.board()
    await database.reader.runs(pipeline_id=None, status=None, skip=0, limit=5)
    await database.reader.pipelines(0, 5)

    assert await query_value(database, "SELECT count(*) FROM pg_prepared_statements") >= prepared > 0
