"""Forgetting on PostgreSQL: partitions are dropped whole, the rest is deleted in bites that hold nobody up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Table, text

from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.answers import idempotency, report_receipt
from adapters.persistence.tables.partitions import (
    PARTITIONED_TABLES,
    WEEK,
    WEEKS_AHEAD,
    build_add_partition_sql,
    get_partition_end,
    get_partition_name,
    list_weeks,
)
from adapters.persistence.tables.workers import worker

DELETE_BATCH_SIZE = 10_000
"""Rows deleted in one transaction."""
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('headgate retention'))")
_PATIENCE = text("SET LOCAL lock_timeout = '1s'")
_PARTITIONS = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass) ORDER BY 1")


class SqlRetention:
    """One change of the schema a transaction: its lock is held for an instant, and given up on after a second."""

    def __init__(self, connections: ConnectionPool) -> None:
        self._connections = connections

    async def create_partitions(self, now: datetime) -> Sequence[str]:
        made: list[str] = []
        for table in PARTITIONED_TABLES:
            for week in list_weeks(now, now + WEEK * WEEKS_AHEAD):
                if await self._add(table, week):
                    made.append(get_partition_name(table, week))
        return made

    async def drop_events(self, before: datetime) -> Sequence[str]:
        return await self._drop("event", before)

    async def drop_logs(self, before: datetime) -> Sequence[str]:
        return await self._drop("log_line", before)

    async def delete_receipts(self, before: datetime) -> int:
        return await self._delete(report_receipt, "created_at", before)

    async def delete_idempotency_answers(self, before: datetime) -> int:
        return await self._delete(idempotency, "created_at", before)

    async def delete_workers(self, before: datetime) -> int:
        return await self._delete(worker, "seen_at", before)

    async def _add(self, table: str, week: datetime) -> bool:
        name = get_partition_name(table, week)
        transaction = await self._change()
        try:
            if name in await _partitions(transaction, table):
                return False
            for statement in build_add_partition_sql(table, week):
                await transaction.execute(text(statement))
            await transaction.commit()
            return True
        finally:
            await transaction.close()

    async def _drop(self, table: str, before: datetime) -> Sequence[str]:
        dropped: list[str] = []
        while (name := await self._drop_one(table, before)) is not None:
            dropped.append(name)
        await self._delete_strays(table, before)
        return dropped

    async def _drop_one(self, table: str, before: datetime) -> str | None:
        transaction = await self._change()
        try:
            over = [
                name for name in await _partitions(transaction, table) if (end := get_partition_end(name)) is not None and end <= before
            ]
            if not over:
                return None
            await transaction.execute(text(f"DROP TABLE {over[0]}"))
            await transaction.commit()
            return over[0]
        finally:
            await transaction.close()

    async def _delete_strays(self, table: str, before: datetime) -> None:
        """One bite a pass of what a clock gone wrong has put into the default partition."""
        await self._bite(f"{table}_default", "at", before)

    async def _delete(self, table: Table, column: str, before: datetime) -> int:
        total = 0
        while deleted := await self._bite(table.name, column, before):
            total += deleted
        return total

    async def _bite(self, table: str, column: str, before: datetime) -> int:
        transaction = SqlTransaction(self._connections)
        bite = f"ARRAY(SELECT ctid FROM {table} WHERE {column} < :before LIMIT {DELETE_BATCH_SIZE})"
        try:
            result = await transaction.execute(text(f"DELETE FROM {table} WHERE ctid = ANY ({bite})"), {"before": before})
            await transaction.commit()
            return result.rowcount
        finally:
            await transaction.close()

    async def _change(self) -> SqlTransaction:
        """A transaction that changes the schema, one at a time among all processes."""
        transaction = SqlTransaction(self._connections)
        await transaction.execute(_PATIENCE)
        await transaction.execute(_LOCK)
        return transaction


async def _partitions(transaction: SqlTransaction, table: str) -> list[str]:
    return list((await transaction.execute(_PARTITIONS, {"table": table})).scalars())
