"""Partitions on PostgreSQL: what a reading looks into, rows that strayed, and changes of the schema under load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from adapters.persistence.database import Database
from adapters.persistence.tables.partitions import WEEK, get_partition_name, get_week_start
from application.ports.persistence.logs import NewLogLine
from domain.errors import Unavailable
from domain.runs.attempt_log import LogLimit
from tests.integration.persistence.database_helpers import a_started_database, query_value
from tests.support.builders import a_pipeline, a_stored_run

LONG_AGO = datetime.now(UTC) - 20 * WEEK


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


async def test_the_migration_creates_partitions_from_this_week_on(database: Database) -> None:
    now = datetime.now(UTC)
    run_id = await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work), now=now)

    home = await query_value(database, "SELECT DISTINCT tableoid::regclass::text FROM event WHERE run_id = :run", run=run_id)

    assert home == get_partition_name("event", get_week_start(now))
    assert await database.retention.create_partitions(now) == []


async def test_reading_a_runs_events_uses_an_index_and_no_older_partition(database: Database) -> None:
    for weeks in (0, 5, 10):
        await database.retention.create_partitions(LONG_AGO + WEEK * weeks)
    now = datetime.now(UTC)
    run_id = await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work), now=now)
    sent: list[tuple[str, Any]] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *call: sent.append((call[2], call[3])))
    await database.reader.events(run_id, 0, 10)
    statement, parameters = sent[-1]

    async with database.engine.connect() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        lines = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}", parameters)
        plan = "\n".join(lines.scalars())

    assert "Seq Scan" not in plan, plan
    old = [line for line in plan.splitlines() if f"on {get_partition_name('event', get_week_start(LONG_AGO))}" in line]
    assert all("never executed" in line for line in old), plan
    assert any(
        f"on {get_partition_name('event', get_week_start(now))}" in line and "never executed" not in line for line in plan.splitlines()
    ), plan


async def test_rows_of_the_default_partition_move_to_a_new_partition(database: Database) -> None:
    at = LONG_AGO + timedelta(hours=1)
    run_id = await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work), now=at)
    assert await query_value(database, "SELECT count(*) FROM event_default") > 0

    await database.retention.create_partitions(LONG_AGO)

    assert await query_value(database, "SELECT count(*) FROM event_default") == 0
    assert [event.seq for event in await database.reader.events(run_id, 0, 2)] == [1, 2]


async def test_processes_may_prune_at_the_same_time(database: Database) -> None:
    made = await asyncio.gather(*(database.retention.create_partitions(LONG_AGO) for _ in range(3)))
    dropped = await asyncio.gather(*(database.retention.drop_events(LONG_AGO + WEEK * 3) for _ in range(3)))

    assert len([name for names in made for name in names]) == len({name for names in made for name in names}) == 15
    assert sorted(name for names in dropped for name in names) == [
        get_partition_name("event", get_week_start(LONG_AGO) + WEEK * n) for n in range(3)
    ]


async def test_pruning_under_load_rejects_no_report_and_loses_no_line(database: Database) -> None:
    now = datetime.now(UTC)
    run_id = await a_stored_run(database.open_unit_of_work, await a_pipeline(database.open_unit_of_work), now=now)
    over = asyncio.Event()

    async def write() -> int:
        index = 0
        while not over.is_set() or index < 20:
            async with database.open_unit_of_work() as work:
                await work.logs.append(run_id, "a", 1, [NewLogLine(index, now, "stdout", "text")], LogLimit(1 << 20))
                await work.commit()
            index += 1
        return index

    async def prune() -> None:
        try:
            await database.retention.create_partitions(LONG_AGO)
            await database.retention.drop_events(LONG_AGO + WEEK * 3)
            await database.retention.drop_logs(LONG_AGO + WEEK * 3)
        finally:
            over.set()

    written, _ = await asyncio.gather(write(), prune())

    assert await query_value(database, "SELECT count(*) FROM log_line WHERE run_id = :run", run=run_id) == written


async def test_pruning_gives_up_on_a_table_in_use_and_succeeds_later(database: Database) -> None:
    await database.retention.create_partitions(LONG_AGO)

    async with database.engine.connect() as connection:
        await connection.execute(text("BEGIN"))
        await connection.execute(text("SELECT count(*) FROM event"))
        with pytest.raises(Unavailable):
            await database.retention.drop_events(LONG_AGO + WEEK * 3)

    assert len(await database.retention.drop_events(LONG_AGO + WEEK * 3)) == 3
