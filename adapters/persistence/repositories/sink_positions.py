"""Stores each event sink's position in the change feed. A publisher leases a sink for a time."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.clock import NOW, seconds_from_now
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.sink_positions import announcement_position as position
from application.ports.persistence.sink_positions import SinkPosition

_FREE = position.c.due_at <= NOW


class SqlSinkPositions:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def find(self, audience: str) -> SinkPosition:
        query = select(position.c.cursor, position.c.tries, _FREE.label("is_free")).where(position.c.audience == audience)
        row = (await self._transaction.execute(query)).one_or_none()
        return SinkPosition(row.cursor, row.tries, row.is_free) if row else SinkPosition()

    async def acquire(self, audience: str, teller: str, seconds: float) -> SinkPosition | None:
        await self._transaction.execute(upsert(position).values(audience=audience).on_conflict_do_nothing())
        until = seconds_from_now(seconds)
        take = update(position).where(position.c.audience == audience, _FREE).values(teller=teller, due_at=until)
        row = (await self._transaction.execute(take.returning(position.c.cursor, position.c.tries))).one_or_none()
        return SinkPosition(row.cursor, row.tries, is_free=False) if row else None

    async def advance(self, audience: str, teller: str, cursor: str) -> bool:
        held = update(position).where(position.c.audience == audience, position.c.teller == teller)
        change = held.values(cursor=cursor, teller=None, due_at=NOW, tries=0, last_error=None)
        return (await self._transaction.execute(change)).rowcount == 1

    async def postpone(self, audience: str, teller: str, error: str, delay: float) -> None:
        retry_at = seconds_from_now(delay)
        change = update(position).where(position.c.audience == audience, position.c.teller == teller)
        await self._transaction.execute(change.values(teller=None, due_at=retry_at, tries=position.c.tries + 1, last_error=error))
