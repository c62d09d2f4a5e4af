"""How far each audience was told, held by timed lease."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.sink_positions import announcement_position as place
from application.ports.persistence.sink_positions import SinkPosition

_FREE = place.c.due_at <= func.clock_timestamp()


class SqlSinkPositions:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def find(self, audience: str) -> SinkPosition:
        query = select(place.c.cursor, place.c.tries, _FREE.label("is_free")).where(place.c.audience == audience)
        row = (await self._transaction.execute(query)).one_or_none()
        return SinkPosition(row.cursor, row.tries, row.is_free) if row else SinkPosition()

    async def acquire(self, audience: str, teller: str, seconds: float) -> SinkPosition | None:
        await self._transaction.execute(upsert(place).values(audience=audience).on_conflict_do_nothing())
        until = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        take = update(place).where(place.c.audience == audience, _FREE).values(teller=teller, due_at=until)
        row = (await self._transaction.execute(take.returning(place.c.cursor, place.c.tries))).one_or_none()
        return SinkPosition(row.cursor, row.tries, is_free=False) if row else None

    async def advance(self, audience: str, teller: str, cursor: str) -> bool:
        kept = update(place).where(place.c.audience == audience, place.c.teller == teller)
        change = kept.values(cursor=cursor, teller=None, due_at=func.clock_timestamp(), tries=0, last_error=None)
        return (await self._transaction.execute(change)).rowcount == 1

    async def postpone(self, audience: str, teller: str, error: str, delay: float) -> None:
        again = func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, delay)
        change = update(place).where(place.c.audience == audience, place.c.teller == teller)
        await self._transaction.execute(change.values(teller=None, due_at=again, tries=place.c.tries + 1, last_error=error))
