"""Nothing of a deleted pipeline is left in any table, except the audit log. The tables are those of the metadata, so new ones count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, SmallInteger, Table, Text, insert, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from adapters.persistence.database import Database
from adapters.persistence.tables.metadata import METADATA
from adapters.system.clock import SystemClock
from application.commands.pipelines.archive_pipeline import ArchivePipeline
from application.commands.pipelines.change_activation import ChangeActivation
from application.commands.pipelines.delete_pipeline import DeletePipeline
from application.services.maintenance.pipeline_deleter import PipelineDeleter
from application.services.schedules.schedule_pauses import SchedulePauses
from tests.fakes.dispatch.wakeups import FakeWakeups
from tests.integration.persistence.database_helpers import a_started_database, query_value
from tests.support.builders import NOW, a_pipeline, a_stage, a_stored_run
from tests.support.tick_services import TIMES

OF_THE_SITE = {
    "account",
    "alert_position",
    "announcement_position",
    "audit",
    "channel",
    "flow_run_poll",
    "idempotency",
    "installation",
    "session",
    "site_alert_rule",
    "token_worker",
    "worker",
}
"""Tables without rows of a pipeline. Stored answers about it are forgotten at its deletion; those about runs expire."""
LINKS = ("pipeline_id", "run_id", "schedule_id", "backfill_id", "incident_id", "delivery_id")
PARENTS = ("schedule", "backfill", "run", "incident", "delivery")
"""Tables whose ids other tables name, in an order in which they can be filled."""
TABLES = sorted(
    (table for table in METADATA.tables.values() if table.name not in OF_THE_SITE and table.name not in ("pipeline", "revision")),
    key=lambda table: (table.name not in PARENTS, PARENTS.index(table.name) if table.name in PARENTS else table.name),
)
"""The tables to fill, parents first."""
VALUES: Mapping[str, Any] = {
    "status": "completed",
    "finished_at": NOW,
    "dispatch_state": "none",
    "kind": "reporter",
    "tick.state": "fired",
    "backfill.state": "running",
    "backfill.tick_order": "oldest",
    "backfill.existing": "skip",
    "backfill_tick.state": "pending",
    "incident.kind": "pipeline",
    "incident.state": "open",
    "incident_entry.kind": "opened",
    "alert_message.kind": "opened",
    "delivery.kind": "opened",
    "delivery.state": "sent",
    "revision": 1,
}
"""Values of columns, by name or by table and name, that a check or a foreign key restricts."""
BY_TYPE: Mapping[type, Any] = {Boolean: False, DateTime: NOW, BigInteger: 1, Integer: 1, SmallInteger: 1, JSON: {}, JSONB: {}, ARRAY: []}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with a_started_database(database_url) as started:
        yield started


def choose_value(column: Column[Any], ids: Mapping[str, int]) -> Any:
    for name in (f"{column.table.name}.{column.name}", column.name):
        if name in ids or name in VALUES:
            return ids.get(name, VALUES.get(name))
    if isinstance(column.type, Text):
        return f"of pipeline {ids['pipeline_id']}"
    return str(ids["pipeline_id"]).encode() if isinstance(column.type, LargeBinary) else BY_TYPE[type(column.type)]


def build_row(table: Table, ids: Mapping[str, int]) -> dict[str, Any]:
    """Return a row of the pipeline with these ids, with a value for each column that needs one."""
    needed = [column for column in table.c if column.identity is None and column.server_default is None]
    needed = [column for column in needed if not column.nullable or column.name in (*LINKS, "finished_at")]
    return {column.name: choose_value(column, ids) for column in needed}


async def fill_every_table(database: Database, pipeline_id: int) -> None:
    """Add a row of the pipeline to every table that can have one."""
    ids = {"pipeline_id": pipeline_id}
    async with database.engine.connect() as connection:
        for table in TABLES:
            statement = insert(table).values(build_row(table, ids))
            if table.name in PARENTS:
                ids[f"{table.name}_id"] = (await connection.execute(statement.returning(table.c.id))).scalar_one()
            else:
                await connection.execute(statement)


async def count_rows(database: Database, pipeline_id: int) -> dict[str, int]:
    """Return the number of rows of the pipeline by table, by every column that links to it."""
    counts = {"pipeline": await query_value(database, "SELECT count(*) FROM pipeline WHERE id = :id", id=pipeline_id)}
    for table in METADATA.sorted_tables:
        if names := [name for name in LINKS if name in table.c]:
            condition = " OR ".join(f"{name} = ANY(:{name})" for name in names)
            counts[table.name] = await query_value(
                database, f"SELECT count(*) FROM {table.name} WHERE {condition}", **await read_ids(database, pipeline_id, names)
            )
    return counts


IDS: dict[int, dict[str, list[int]]] = {}


async def read_ids(database: Database, pipeline_id: int, names: list[str]) -> dict[str, list[int]]:
    """Return the ids that rows of the pipeline name, as they were when they were first read."""
    if pipeline_id not in IDS:
        async with database.engine.connect() as connection:
            found = {
                f"{table}_id": list((await connection.execute(text(f"SELECT id FROM {table} WHERE pipeline_id = {pipeline_id}"))).scalars())
                for table in PARENTS
            }
        IDS[pipeline_id] = {"pipeline_id": [pipeline_id], **found}
    return {name: IDS[pipeline_id][name] for name in names}


def test_every_table_is_of_pipelines_or_of_the_site() -> None:
    of_pipelines = {table.name for table in METADATA.sorted_tables if any(name in table.c for name in LINKS)}

    assert of_pipelines | OF_THE_SITE | {"pipeline"} == {table.name for table in METADATA.sorted_tables}
    assert of_pipelines & OF_THE_SITE == set()


async def test_nothing_of_a_deleted_pipeline_is_left_except_audit_entries(database: Database) -> None:
    IDS.clear()
    wakeups, clock = FakeWakeups(), SystemClock()
    deleted, kept = [await a_pipeline(database.open_unit_of_work, name) for name in ("deleted", "kept")]
    for pipeline in (deleted, kept):
        await fill_every_table(database, pipeline.id)
    before, other = await count_rows(database, deleted.id), await count_rows(database, kept.id)
    assert min(before.values()) > 0 and min(other.values()) > 0
    assert len(before) > 15

    await ArchivePipeline(ChangeActivation(database.open_unit_of_work, clock, wakeups, SchedulePauses(TIMES)))("deleted")
    await DeletePipeline(database.open_unit_of_work, clock, wakeups)("deleted", "deleted")
    deleter = PipelineDeleter(database.open_unit_of_work, database.pipeline_removal, clock, wakeups, quiet_seconds=0)
    for _ in range(3):
        await deleter.run_once()

    left = await count_rows(database, deleted.id)
    assert {table: count for table, count in left.items() if count} == {"site_event": 1}, "the event of the deletion stays in the feed"
    assert await count_rows(database, kept.id) == other
    actions = await query_value(database, "SELECT array_agg(deed ORDER BY id) FROM audit WHERE thing = 'pipeline deleted'")
    assert actions == ["pipeline_archived", "pipeline_deleted"]


async def test_several_processes_remove_a_pipeline_together(database: Database, database_url: str) -> None:
    pipeline = await a_pipeline(database.open_unit_of_work, "deleted", [a_stage("a", "external")])
    for _ in range(130):
        await a_stored_run(database.open_unit_of_work, pipeline)
    async with database.open_unit_of_work() as work:
        await work.pipelines.find(pipeline.id, lock=True)
        await work.pipelines.mark_deleted(pipeline.id, NOW)
        await work.commit()

    async def remove(process: Database) -> None:
        deleter = PipelineDeleter(process.open_unit_of_work, process.pipeline_removal, SystemClock(), FakeWakeups(), quiet_seconds=0)
        async with asyncio.timeout(60):
            while await process.pipeline_removal.find_deleted():
                await deleter.run_once()

    async with a_started_database(database_url) as other:
        await asyncio.gather(remove(database), remove(other))

    tables = ("run", "attempt", "event", "revision", "pipeline")
    assert [await query_value(database, f"SELECT count(*) FROM {table}") for table in tables] == [0] * 5
