"""Tick services of several web processes on one real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from adapters.persistence.database import Database
from adapters.system.cronsim_expressions import CronsimExpressions
from adapters.system.json_schema.validator import JsonSchemaValidator
from adapters.system.worker_streams import InMemoryWorkerStreams
from adapters.telemetry.null import NullTelemetry
from application.commands.runs.run_opener import RunOpener
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.loop import run_service
from application.services.schedules.schedule_sync import ScheduleSync
from application.services.schedules.schedule_times import ScheduleTimes
from application.services.schedules.tick_service import TickService
from tests.fakes.system.disk_space import FakeDiskSpace
from tests.support.builders import a_definition

TIMES = ScheduleTimes(CronsimExpressions())
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PERIOD = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class TickProcess:
    """What one web process needs to open the runs of schedules."""

    database: Database
    wakeups: LocalWakeups
    service: TickService


def build_tick_process(database: Database, open_unit_of_work: OpenUnitOfWork | None = None) -> TickProcess:
    wakeups = LocalWakeups(InMemoryWorkerStreams(), frozenset({"headgate"}))
    opener = RunOpener(JsonSchemaValidator(), database.clock, wakeups, FakeDiskSpace())
    return TickProcess(
        database, wakeups, TickService(open_unit_of_work or database.open_unit_of_work, opener, TIMES, wakeups, NullTelemetry())
    )


@asynccontextmanager
async def open_tick_processes(url: str, count: int) -> AsyncIterator[list[TickProcess]]:
    """Yield that many processes with connections of their own. Their services do not run yet."""
    async with AsyncExitStack() as stack:
        processes = []
        for _ in range(count):
            database = Database(url)
            await database.start()
            stack.push_async_callback(database.stop)
            processes.append(build_tick_process(database))
        yield processes


@asynccontextmanager
async def run_services(processes: Iterable[TickProcess]) -> AsyncIterator[list[Exception]]:
    """Run the services within the block. Yield the errors of their passes."""
    errors: list[Exception] = []
    tasks = [asyncio.create_task(run_service(each.service, each.service.wait, lambda _, error: errors.append(error))) for each in processes]
    try:
        yield errors
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def add_scheduled_pipelines(database: Database, count: int, prefix: str = "p", **schedule: Any) -> None:
    """Store pipelines with one schedule each, which fires every five seconds by default, and not before `make_all_due`."""
    written = [{"name": "main", "every": PERIOD.total_seconds(), **schedule}]
    sync = ScheduleSync(TIMES)
    async with database.open_unit_of_work() as work:
        for number in range(count):
            now = database.clock.now()
            pipeline = await work.pipelines.add(a_definition(f"{prefix}{number}", 1, schedules=written), now)
            await sync.add_all(work, pipeline, now)
        await work.commit()
    async with database.engine.connect() as connection:
        await connection.execute(text("UPDATE schedule SET next_fire_at = NULL"))


async def make_all_due(database: Database, at: datetime | None = None) -> datetime:
    """Have every schedule that does not fire now fire next at this time, which is one of its ticks, and return the time.

    By default it is the next tick that is at least a second away.
    """
    due_at = at or EPOCH + ((database.clock.now() + timedelta(seconds=1) - EPOCH) // PERIOD + 1) * PERIOD
    async with database.engine.connect() as connection:
        await connection.execute(
            text("UPDATE schedule SET next_due_at = :at, next_fire_at = :at, last_due_at = NULL WHERE next_fire_at IS NULL"), {"at": due_at}
        )
    return due_at


async def pass_time_until(database: Database, at: datetime) -> None:
    """Return when the database's clock shows this time."""
    await asyncio.sleep(max(0.0, (at - database.clock.now()).total_seconds()) + 0.01)


async def read_rows(database: Database, query: str) -> list[Any]:
    async with database.engine.connect() as connection:
        return list((await connection.execute(text(query))).all())
