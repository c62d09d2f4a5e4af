"""Stores dispatches to be sent to Prefect. Relays lease rows for a time."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, select, update

from adapters.persistence.connection.clock import NOW, seconds_from_now
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.dispatches import outbox
from application.ports.persistence.outbox import OutboxRow

_DELETE = CompiledStatement(delete(outbox).where(outbox.c.run_id == bindparam("run"), outbox.c.epoch == bindparam("epoch")))


class SqlOutbox:
    """A row stays if its dispatch is closed before it was sent: only the relay knows whether its pool needs a flow run."""

    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def lease(self, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        due = select(outbox.c.id).where(outbox.c.due_at <= NOW).order_by(outbox.c.due_at, outbox.c.id)
        free = due.limit(limit).with_for_update(skip_locked=True).cte("free")
        until = seconds_from_now(seconds)
        take = update(outbox).where(outbox.c.id == free.c.id).values(relay=relay, due_at=until).returning(outbox)
        rows = sorted(await self._transaction.execute(take), key=lambda row: int(row.id))
        return [OutboxRow(row.id, row.run_id, row.epoch, row.pool, row.tries, row.created_at) for row in rows]

    async def mark_delivered(self, run_id: int, epoch: int) -> None:
        self._transaction.enqueue(_DELETE, run=run_id, epoch=epoch)

    async def postpone(self, row_id: int, error: str, delay: float) -> None:
        retry_at = seconds_from_now(delay)
        change = update(outbox).where(outbox.c.id == row_id)
        await self._transaction.execute(change.values(tries=outbox.c.tries + 1, last_error=error, relay=None, due_at=retry_at))

    async def quarantine(self, row_id: int, error: str, delay: float) -> None:
        await self.postpone(row_id, error, delay)
        await self._transaction.execute(update(outbox).where(outbox.c.id == row_id).values(quarantined_at=NOW))

    async def release(self) -> int:
        release = update(outbox).where(outbox.c.quarantined_at.is_not(None)).values(due_at=NOW)
        return (await self._transaction.execute(release)).rowcount
