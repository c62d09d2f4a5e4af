"""Deletes old data: drops whole partitions, and deletes other rows in small batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table, text

from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.expired_alerts import EXPIRED_ALERTS
from adapters.persistence.repositories.limit_statements import DELETE_UNUSED_GROUPS, LOCK_GROUPS
from adapters.persistence.tables.answers import idempotency, pipeline_reporter, report_receipt
from adapters.persistence.tables.partitions import (
    PARTITIONED_TABLES,
    WEEK,
    WEEKS_AHEAD,
    build_add_partition_sql,
    get_partition_end,
    get_partition_name,
    list_weeks,
)
from adapters.persistence.tables.schedules import schedule
from adapters.persistence.tables.site_events import site_event
from adapters.persistence.tables.workers import worker

_HAS_FINISHED = "finished_at < :before"
_HAS_NO_PROCESS = (
    "used_at < :before AND NOT EXISTS "
    "(SELECT FROM worker WHERE worker.token_id = token_worker.token_id AND worker.name = token_worker.name)"
)
DELETE_BATCH_SIZE = 10_000
"""Rows deleted in one transaction."""
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('headgate retention'))")
_SET_LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '1s'")
_PARTITIONS = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass) ORDER BY 1")


class SqlRetention:
    """Each schema change has a transaction of its own, which holds its lock briefly and gives up waiting for it after a second."""

    def __init__(self, connections: ConnectionPool) -> None:
        self._connections = connections

    async def create_partitions(self, now: datetime) -> Sequence[str]:
        created: list[str] = []
        for table in PARTITIONED_TABLES:
            for week in list_weeks(now, now + WEEK * WEEKS_AHEAD):
                if await self._add_partition(table, week):
                    created.append(get_partition_name(table, week))
        return created

    async def drop_events(self, before: datetime) -> Sequence[str]:
        return await self._drop("event", before)

    async def drop_ticks(self, before: datetime) -> Sequence[str]:
        return await self._drop("tick", before)

    async def drop_logs(self, before: datetime) -> Sequence[str]:
        return await self._drop("log_line", before)

    async def delete_site_events(self, before: datetime) -> int:
        return await self._delete(site_event, "at", before)

    async def delete_schedules(self, before: datetime) -> int:
        return await self._delete(schedule, "removed_at", before)

    async def delete_backfills(self, before: datetime) -> int:
        """Delete the ticks first, so that no transaction deletes those of many backfills."""
        await self._delete_all("backfill_tick", f"backfill_id IN (SELECT id FROM backfill WHERE {_HAS_FINISHED})", before)
        return await self._delete_all("backfill", _HAS_FINISHED, before)

    async def delete_alerts(self, before: datetime) -> int:
        deleted = 0
        for table, condition in EXPIRED_ALERTS:
            rows = await self._delete_all(table, condition, before)
            deleted += rows if table in ("incident", "alert_message") else 0
        return deleted

    async def delete_receipts(self, before: datetime) -> int:
        return await self._delete(report_receipt, "created_at", before)

    async def delete_reporters(self, before: datetime) -> int:
        return await self._delete(pipeline_reporter, "reported_at", before)

    async def delete_idempotency_answers(self, before: datetime) -> int:
        return await self._delete(idempotency, "created_at", before)

    async def delete_unused_groups(self) -> int:
        transaction = SqlTransaction(self._connections)
        try:
            await transaction.fetch_batch((LOCK_GROUPS, {}))
            deleted = (await transaction.execute(DELETE_UNUSED_GROUPS)).rowcount
            await transaction.commit()
            return deleted
        finally:
            await transaction.close()

    async def delete_workers(self, before: datetime) -> int:
        return await self._delete(worker, "seen_at", before)

    async def delete_token_workers(self, before: datetime) -> int:
        return await self._delete_all("token_worker", _HAS_NO_PROCESS, before)

    async def _add_partition(self, table: str, week: datetime) -> bool:
        name = get_partition_name(table, week)
        transaction = await self._begin_schema_change()
        try:
            if name in await _list_partitions(transaction, table):
                return False
            for statement in build_add_partition_sql(table, week):
                await transaction.execute(text(statement))
            await transaction.commit()
            return True
        finally:
            await transaction.close()

    async def _drop(self, table: str, before: datetime) -> Sequence[str]:
        dropped: list[str] = []
        while (name := await self._drop_oldest(table, before)) is not None:
            dropped.append(name)
        await self._delete_from_default(table, before)
        return dropped

    async def _drop_oldest(self, table: str, before: datetime) -> str | None:
        transaction = await self._begin_schema_change()
        try:
            expired = [
                name
                for name in await _list_partitions(transaction, table)
                if (end := get_partition_end(name)) is not None and end <= before
            ]
            if not expired:
                return None
            await transaction.execute(text(f"DROP TABLE {expired[0]}"))
            await transaction.commit()
            return expired[0]
        finally:
            await transaction.close()

    async def _delete_from_default(self, table: str, before: datetime) -> None:
        """Delete one batch from the default partition, which holds rows that a wrong clock dated."""
        await self._delete_where(f"{table}_default", f"{PARTITIONED_TABLES[table]} < :before", before)

    async def _delete(self, table: Table, column: str, before: datetime) -> int:
        return await self._delete_all(table.name, f"{column} < :before", before)

    async def _delete_all(self, table: str, condition: str, before: datetime) -> int:
        """Delete the rows in batches. Return their number."""
        deleted = 0
        while batch := await self._delete_where(table, condition, before):
            deleted += batch
        return deleted

    async def _delete_where(self, table: str, condition: str, before: datetime) -> int:
        transaction = SqlTransaction(self._connections)
        batch = f"ARRAY(SELECT ctid FROM {table} WHERE {condition} LIMIT {DELETE_BATCH_SIZE})"
        try:
            result = await transaction.execute(text(f"DELETE FROM {table} WHERE ctid = ANY ({batch})"), {"before": before})
            await transaction.commit()
            return result.rowcount
        finally:
            await transaction.close()

    async def _begin_schema_change(self) -> SqlTransaction:
        """Begin a transaction that may change the schema. Only one process at a time gets it."""
        transaction = SqlTransaction(self._connections)
        await transaction.execute(_SET_LOCK_TIMEOUT)
        await transaction.execute(_LOCK)
        return transaction


async def _list_partitions(transaction: SqlTransaction, table: str) -> list[str]:
    return list((await transaction.execute(_PARTITIONS, {"table": table})).scalars())
