"""Ticks on real PostgreSQL: each opens one run, with several web processes that race and are stopped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from sqlalchemy import text

from adapters.persistence.database import Database
from application.services.loop import run_service
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.cancelled_work import Fuse, open_until_cancelled
from tests.support.in_process import InProcessHeadgate
from tests.support.tick_services import (
    add_scheduled_pipelines,
    build_tick_process,
    make_all_due,
    open_tick_processes,
    pass_time_until,
    run_services,
)
from tests.support.waiting import eventually_finds


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
        await add_scheduled_pipelines(database, 1_000)
        due_at = await make_all_due(database)

        async with run_services(processes) as errors:
            await eventually_finds(lambda: _has_ticks(database, due_at, 1_000), 60)

        assert not errors
        assert await count_ticks(database, due_at) == (1_000, 1_000, 1_000)


async def test_fifty_ticks_take_as_many_round_trips_as_one(database: Database) -> None:
    process = build_tick_process(database)
    trips = []

    for added, count in ((1, 1), (49, 50)):
        await add_scheduled_pipelines(database, added, f"p{count}-")
        due_at = await make_all_due(database)
        await pass_time_until(database, due_at)
        with database.record_queries() as recorder:
            await process.service.run_once()
        trips.append(len(recorder.sizes))
        assert await count_ticks(database, due_at) == (count, count, count)
        await _forget_ticks(database)

    assert trips[0] == trips[1] <= 13, trips


async def test_a_service_that_stops_between_any_two_statements_loses_and_doubles_no_tick(database: Database) -> None:
    other = build_tick_process(database)
    await add_scheduled_pipelines(database, 3, catch_up="all", overlap="allow")
    due_at = await make_all_due(database)
    await pass_time_until(database, due_at)
    outcomes: list[tuple[int, ...]] = []
    has_stopped = True

    while has_stopped:
        await _forget_ticks(database)
        await make_all_due(database, due_at)
        fuse = Fuse(len(outcomes) + 1)
        with contextlib.suppress(asyncio.CancelledError):
            await build_tick_process(database, open_until_cancelled(database.open_unit_of_work, fuse)).service.run_once()
        before = await count_ticks(database, due_at)
        await other.service.run_once()
        has_stopped = fuse.has_burnt
        outcomes.append(before)
        assert await count_ticks(database, due_at) == (3, 3, 3), f"after a stop at step {len(outcomes)}"

    assert len(outcomes) > 20
    assert set(outcomes) == {(0, 0, 0), (3, 3, 3)}, "a transaction stores all of its ticks and runs, or none"


async def count_ticks(database: Database, due_at: datetime) -> tuple[int, int, int]:
    """Return the numbers of ticks of this time that opened a run, of their runs, and of the schedules of these runs."""
    query = """
        SELECT (SELECT count(*) FROM tick WHERE due_at = :at AND state IN ('fired', 'late')), count(*), count(DISTINCT run.schedule_id)
        FROM run JOIN tick ON tick.run_id = run.id AND tick.due_at = run.scheduled_for WHERE run.scheduled_for = :at
    """
    async with database.engine.connect() as connection:
        ticks, runs, schedules = (await connection.execute(text(query), {"at": due_at})).one()
    return ticks, runs, schedules


async def _forget_ticks(database: Database) -> None:
    """Remove all ticks and runs. No schedule fires until `make_all_due`."""
    async with database.engine.connect() as connection:
        await connection.execute(text("TRUNCATE run, attempt, event, dispatch, outbox, lease, tick CASCADE"))
        await connection.execute(text("UPDATE schedule SET next_fire_at = NULL"))


async def _has_ticks(database: Database, due_at: datetime, count: int) -> bool:
    return (await count_ticks(database, due_at))[0] >= count
