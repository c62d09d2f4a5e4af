"""Backfills on real PostgreSQL: several web processes race, and each tick opens one run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from adapters.persistence.database import Database
from adapters.persistence.repositories.backfills import SqlBackfills
from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.json_schema.validator import JsonSchemaValidator
from adapters.system.worker_streams import InMemoryWorkerStreams
from adapters.telemetry.null import NullTelemetry
from application.commands.backfills.start_backfill import StartBackfill
from application.commands.runs.run_opener import RunOpener
from application.ports.persistence.backfills import LockedBackfill
from application.services.backfills.backfill_planner import BackfillPlanner
from application.services.backfills.backfill_service import BackfillService
from application.services.dispatch.local_wakeups import LocalWakeups
from domain.backfills.request import BackfillRequest
from domain.runs.status import Status
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.support.backfill_history import HISTORY_SETUP, READ_HISTORY
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


async def start_hourly(processes: list[BackfillProcess]) -> int:
    """Start a backfill of an hourly pipeline, with a history of its unfinished runs. Return how many ticks it has."""
    database = processes[0].database
    for statement in HISTORY_SETUP:
        async with database.engine.connect() as connection:
            await connection.execute(text(statement))
    pipeline = await a_pipeline(database.open_unit_of_work, "nightly", 1)
    now = database.clock.now()
    since, until = now - timedelta(hours=TICKS), now - timedelta(hours=1)
    request = BackfillRequest(f"{since:%Y-%m-%dT%H:01}", f"{until:%Y-%m-%dT%H:59}", cron="0 * * * *", parallel=PARALLEL)
    await processes[0].start_backfill(pipeline.id, request)
    return int((await database.reader.backfills(1))[0].backfill.progress.total)


async def run_until_ended(processes: list[BackfillProcess]) -> None:
    """Run the services of all processes at once, while runs end, until no run is unfinished."""
    database = processes[0].database
    for round_number in range(10 * TICKS):
        await asyncio.gather(*(each.service.run_once() for each in processes))
        if not await read_rows(database, "SELECT 1 FROM run WHERE finished_at IS NULL LIMIT 1"):
            return
        await asyncio.gather(end_some_runs(database, 1 + round_number % PARALLEL), *(each.service.run_once() for each in processes))
    raise AssertionError("the backfill did not end")


async def test_three_services_open_one_run_a_tick_and_never_too_many(processes: list[BackfillProcess]) -> None:
    database = processes[0].database
    total = await start_hourly(processes)

    await run_until_ended(processes)

    view = await database.reader.backfill(1)
    assert view is not None and (view.backfill.state, view.backfill.progress.completed) == ("completed", total)
    ((runs, times),) = await read_rows(database, "SELECT count(*), count(DISTINCT scheduled_for) FROM run WHERE backfill_id = 1")
    ((opened, most),) = await read_rows(database, READ_HISTORY)
    assert (runs, times, opened, most) == (total, total, total, PARALLEL)
    assert total >= TICKS - 1


async def test_the_history_shows_runs_that_were_not_counted_when_others_were_opened(
    processes: list[BackfillProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_due, counts = SqlBackfills.lock_due, [0]

    async def count_before_the_lock(self: SqlBackfills, now: datetime, excluded: Collection[int] = ()) -> LockedBackfill | None:
        locked = await lock_due(self, now, excluded)
        if locked is None:
            return None
        counts.append(locked.unfinished_runs)
        return LockedBackfill(locked.backfill, locked.pipeline, counts[-2])

    monkeypatch.setattr(SqlBackfills, "lock_due", count_before_the_lock)
    await start_hourly(processes)

    await run_until_ended(processes)

    ((_, most),) = await read_rows(processes[0].database, READ_HISTORY)
    assert most > PARALLEL
