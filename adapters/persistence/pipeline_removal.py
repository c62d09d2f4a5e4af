"""Removes the rows of deleted pipelines in small batches.

The tables to empty are derived from the metadata, so that a new table with a `run_id` or a `pipeline_id` is emptied too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Delete, Table, delete, exists, select, tuple_

from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.dispatches import dispatch
from adapters.persistence.tables.flow_runs import flow_run
from adapters.persistence.tables.metadata import METADATA
from adapters.persistence.tables.pipelines import pipeline
from adapters.persistence.tables.runs import run
from adapters.persistence.tables.site_events import site_event
from domain.runs.status import TERMINAL
from domain.site_events import SiteEventType

BATCH_RUNS = 50
"""Runs of one transaction."""
BATCH_ROWS = 5_000
"""Rows that one transaction removes from each table at most."""
MAX_UNSETTLED = timedelta(hours=1)
"""The longest time for which a run is kept because Prefect does not know its end."""


def _belongs_to_run(table: Table) -> bool:
    """Return True if the table has an index that begins with the run's id, or a foreign key of it."""
    keys = [table.primary_key.columns, *(index.columns for index in table.indexes)]
    return "run_id" in table.c and (any(key[0].name == "run_id" for key in keys) or bool(table.c.run_id.foreign_keys))


_CHILDREN_FIRST = METADATA.sorted_tables[::-1]
RUN_TABLES = [table for table in _CHILDREN_FIRST if _belongs_to_run(table)]
PIPELINE_TABLES = [table for table in _CHILDREN_FIRST if "pipeline_id" in table.c and table is not run and table not in RUN_TABLES]
"""Tables of runs and of pipelines: those with a foreign key before those that it references."""
_IS_DELETED = pipeline.c.deleting_at.is_not(None)


class SqlPipelineRemoval:
    def __init__(self, connections: ConnectionPool) -> None:
        self._connections = connections

    async def find_deleted(self) -> Sequence[int]:
        transaction = SqlTransaction(self._connections)
        try:
            return (await transaction.execute(select(pipeline.c.id).where(_IS_DELETED).order_by(pipeline.c.id))).scalars().all()
        finally:
            await transaction.close()

    async def remove_batch(self, pipeline_id: int, ended_before: datetime) -> int:
        transaction = SqlTransaction(self._connections)
        try:
            this = select(pipeline.c.id).where(pipeline.c.id == pipeline_id, _IS_DELETED).with_for_update(skip_locked=True)
            if not (await transaction.execute(this)).all():
                return 0
            removed = await _remove_runs(transaction, pipeline_id, ended_before)
            if removed == 0 and not await _has_runs(transaction, pipeline_id):
                removed = await _remove_pipeline(transaction, pipeline_id)
            await transaction.commit()
            return removed
        finally:
            await transaction.close()


async def _has_runs(transaction: SqlTransaction, pipeline_id: int) -> bool:
    return bool((await transaction.execute(select(exists().where(run.c.pipeline_id == pipeline_id)))).scalar_one())


async def _remove_runs(transaction: SqlTransaction, pipeline_id: int, ended_before: datetime) -> int:
    """Remove rows of the oldest runs that ended, and these runs once nothing refers to them."""
    unsettled = exists().where(dispatch.c.run_id == run.c.id, dispatch.c.flow_run_id.is_not(None), dispatch.c.settled_at.is_(None))
    followed = exists().where(flow_run.c.run_id == run.c.id)
    removable = (
        select(run.c.id)
        .where(run.c.pipeline_id == pipeline_id, run.c.status.in_(sorted(TERMINAL)), run.c.finished_at < ended_before)
        .where(~(unsettled | followed) | (run.c.finished_at < ended_before - MAX_UNSETTLED))
        .order_by(run.c.id)
        .limit(BATCH_RUNS)
        .with_for_update()
    )
    run_ids = (await transaction.execute(removable)).scalars().all()
    if not run_ids:
        return 0
    removed = 0
    for table in RUN_TABLES:
        count = await _delete_some(transaction, table, table.c.run_id.in_(run_ids))
        removed += count
        if count == BATCH_ROWS:
            return removed
    return removed + (await transaction.execute(delete(run).where(run.c.id.in_(run_ids)))).rowcount


async def _remove_pipeline(transaction: SqlTransaction, pipeline_id: int) -> int:
    """Remove rows of a pipeline without runs, and the pipeline once nothing refers to it.

    The event of the deletion stays, since readers of the feed may not have read it yet.
    """
    removed = 0
    for table in PIPELINE_TABLES:
        condition = table.c.pipeline_id == pipeline_id
        if table is site_event:
            condition &= site_event.c.type != SiteEventType.PIPELINE_DELETED
        count = await _delete_some(transaction, table, condition)
        removed += count
        if count == BATCH_ROWS:
            return removed
    return removed + (await transaction.execute(delete(pipeline).where(pipeline.c.id == pipeline_id))).rowcount


async def _delete_some(transaction: SqlTransaction, table: Table, condition: ColumnElement[bool]) -> int:
    return (await transaction.execute(_build_delete(table, condition))).rowcount


def _build_delete(table: Table, condition: ColumnElement[bool]) -> Delete:
    """Return a statement that deletes up to BATCH_ROWS rows."""
    key = table.primary_key.columns
    return delete(table).where(tuple_(*key).in_(select(*key).where(condition).limit(BATCH_ROWS)))
