"""Backfills on real PostgreSQL: several web processes race, and each tick opens one run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from adapters.persistence.database import Database
from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.json_schema.validator import JsonSchemaValidator
from adapters.system.worker_streams import InMemoryWorkerStreams
from adapters.telemetry.null import NullTelemetry
from application.commands.backfills.start_backfill import StartBackfill
from application.commands.runs.run_opener import RunOpener
from application.services.backfills.backfill_planner import BackfillPlanner
from application.services.backfills.backfill_service import BackfillService
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.backfills.request import BackfillRequest
from domain.runs.status import Status
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.support.builders import a_pipeline
from tests.support.tick_services import read_rows

PROCESSES, PARALLEL, TICKS = 3, 4, 48


class BackfillProcess:
    """What one web process needs to start and run backfills."""

    def __init__(self, database: Database) -> None:
        wakeups = LocalWakeups(InMemoryWorkerStreams(), frozenset({"headgate"}))
        opener = RunOpener(JsonSchemaValidator(), database.clock, wakeups, FakeDiskSpace())
        self.database = database
        self.start_backfill = StartBackfill(database.open_unit_of_work, BackfillPlanner(CronsimExpressions(), opener), wakeups)
        self.service = BackfillService(database.open_unit_of_work, opener, wakeups, NullTelemetry())


@pytest.fixture
async def processes(database_url: str) -> AsyncIterator[list[BackfillProcess]]:
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(PROCESSES):
            database = Database(database_url)
            await database.start()
            stack.push_async_callback(database.stop)
            found.append(BackfillProcess(database))
        yield found


async def end_some_runs(database: Database, limit: int) -> None:
    unfinished = await read_rows(database, f"SELECT id FROM run WHERE finished_at IS NULL ORDER BY id LIMIT {limit}")
    async with database.open_unit_of_work() as work:
        runs = await work.runs.lock([row.id for row in unfinished])
        for run in runs.values():
            run.set_verdict(Status.COMPLETED, database.clock.now(), None)
        await work.runs.save(*runs.values())
        await work.commit()


async def test_three_services_open_one_run_a_tick_and_never_too_many(processes: list[BackfillProcess]) -> None:
    database = processes[0].database
    pipeline = await a_pipeline(database.open_unit_of_work, "nightly", 1)
    now = database.clock.now()
    since, until = now - timedelta(hours=TICKS), now - timedelta(hours=1)
    request = BackfillRequest(f"{since:%Y-%m-%dT%H:01}", f"{until:%Y-%m-%dT%H:59}", cron="0 * * * *", parallel=PARALLEL)
    await processes[0].start_backfill(pipeline.id, request)
    total = (await database.reader.backfills(1))[0].backfill.progress.total

    most = 0
    for round_number in range(10 * TICKS):
        await asyncio.gather(*(each.service.run_once() for each in processes))
        ((unfinished,),) = await read_rows(database, "SELECT count(*) FROM run WHERE finished_at IS NULL")
        most = max(most, unfinished)
        if not unfinished:
            break
        await asyncio.gather(end_some_runs(database, 1 + round_number % PARALLEL), *(each.service.run_once() for each in processes))

    view = await database.reader.backfill(1)
    assert view is not None and (view.backfill.state, view.backfill.progress.completed) == ("completed", total)
    ((runs, times),) = await read_rows(database, "SELECT count(*), count(DISTINCT scheduled_for) FROM run WHERE backfill_id = 1")
    assert (runs, times, most) == (total, total, PARALLEL)
    assert total >= TICKS - 1
