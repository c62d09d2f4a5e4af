"""Ticks on real PostgreSQL: each opens one run, with several web processes that race and are stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from adapters.persistence.database import Database
from application.services.loop import run_service
from tests.integration.persistence.database_helpers import a_started_database, query_value
from tests.support.cancelled_work import Fuse, open_until_cancelled
from tests.support.in_process import InProcessHeadgate
from tests.support.tick_services import (
    add_scheduled_pipelines,
    build_tick_process,
    next_full_second,
    open_tick_processes,
    read_rows,
    run_services,
)
from tests.support.waiting import eventually_finds

COUNTS = "SELECT (SELECT count(*) FROM tick), (SELECT count(*) FROM run), (SELECT count(DISTINCT schedule_id) FROM run)"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_a_schedule_opens_runs_that_the_board_shows(database: Database) -> None:
    ports = {name: getattr(database, name) for name in ("reader", "change_feed", "clock", "open_unit_of_work")}
    async with InProcessHeadgate(ports=ports) as headgate:
        schedules = [{"name": "often", "every": "5s"}]
        stages = [{"name": "work", "kind": "command", "command": ["true"]}]
        service = headgate.application.tick_service()
        errors: list[Exception] = []
        ticking = asyncio.create_task(run_service(service, service.wait, lambda _, error: errors.append(error)))

        await asyncio.sleep(0)
        await headgate.api.create_pipeline("nightly", *stages, schedules=schedules)
        await eventually_finds(lambda: database.reader.runs(pipeline_id=None, status=None, skip=0, limit=5), 20)
        (run,) = (await headgate.client.get("/runs/")).json()
        board = await headgate.page_client.get("/")
        ticking.cancel()

    assert not errors
    assert (run["trigger"], run["pipeline"]) == ("schedule", "nightly")
    assert f"/ui/runs/{run['id']}" in board.text


async def test_three_services_open_one_run_for_each_of_a_thousand_ticks_of_one_second(database_url: str) -> None:
    async with open_tick_processes(database_url, 3) as processes:
        database = processes[0].database
        due_at = next_full_second(database, 12)
        await add_scheduled_pipelines(database, 1_000, at=due_at.replace(tzinfo=None).isoformat())
        assert database.clock.now() < due_at, "the machine is too slow for this test"

        async with run_services(processes) as errors:
            await eventually_finds(lambda: _has_ticks(database, 1_000), 60)

        assert not errors
        assert await read_rows(database, COUNTS) == [(1_000, 1_000, 1_000)]
        assert await query_value(database, "SELECT count(*) FROM tick JOIN run ON run.id = tick.run_id AND scheduled_for = due_at") == 1_000


async def test_fifty_ticks_take_as_many_round_trips_as_one(database: Database) -> None:
    process = build_tick_process(database)
    due_at = next_full_second(database, 2)
    trips = []

    for count in (1, 50):
        await add_scheduled_pipelines(database, count, f"p{count}-", at=due_at.replace(tzinfo=None).isoformat())
        await asyncio.sleep(max(0.0, (due_at - database.clock.now()).total_seconds()))
        with database.record_queries() as recorder:
            await process.service.run_once()
        trips.append(len(recorder.sizes))
        due_at += timedelta(seconds=2)

    assert trips[0] == trips[1] <= 13, trips
    assert await read_rows(database, COUNTS) == [(51, 51, 51)]


async def test_a_service_that_stops_between_any_two_statements_loses_and_doubles_no_tick(database: Database) -> None:
    other = build_tick_process(database)
    due_at = next_full_second(database, 2)
    await add_scheduled_pipelines(database, 3, at=due_at.replace(tzinfo=None).isoformat())
    await asyncio.sleep(max(0.0, (due_at - database.clock.now()).total_seconds()))
    outcomes: list[tuple[int, ...]] = []
    has_stopped = True

    while has_stopped:
        await _forget_ticks(database, due_at)
        fuse = Fuse(len(outcomes) + 1)
        with contextlib.suppress(asyncio.CancelledError):
            await build_tick_process(database, open_until_cancelled(database.open_unit_of_work, fuse)).service.run_once()
        (before,) = await read_rows(database, COUNTS)
        await other.service.run_once()
        (after,) = await read_rows(database, COUNTS)
        has_stopped = fuse.has_burnt
        outcomes.append(tuple(before))
        assert after == (3, 3, 3), f"after a stop at step {len(outcomes)}"

    assert len(outcomes) > 20
    assert set(outcomes) == {(0, 0, 0), (3, 3, 3)}, "a transaction stores all of its ticks and runs, or none"


async def _forget_ticks(database: Database, due_at: datetime) -> None:
    """Remove all ticks and runs, and have each schedule fire at this time again."""
    async with database.engine.connect() as connection:
        await connection.execute(text("TRUNCATE run, attempt, event, dispatch, outbox, lease, tick CASCADE"))
        await connection.execute(text("UPDATE schedule SET next_due_at = :at, next_fire_at = :at, last_due_at = NULL"), {"at": due_at})


async def _has_ticks(database: Database, count: int) -> bool:
    found: Any = await query_value(database, "SELECT count(*) FROM tick")
    return bool(found >= count)
