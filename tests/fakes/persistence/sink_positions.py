"""Positions of event sinks in memory. Times are the store's clock."""

from dataclasses import replace
from datetime import datetime, timedelta

from application.ports.persistence.sink_positions import SinkPosition
from tests.fakes.persistence import values
from tests.fakes.persistence.store import SinkPositionRow
from tests.fakes.persistence.transaction import Transaction


class FakeSinkPositions:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def find(self, audience: str) -> SinkPosition:
        tx = await self._transaction.begin_statement()
        row = tx.announcements.get(audience)
        return SinkPosition(row.cursor, row.tries, row.due_at <= self._now) if row else SinkPosition()

    async def acquire(self, audience: str, teller: str, seconds: float) -> SinkPosition | None:
        tx = await self._transaction.begin_statement()
        values.text(audience)
        values.text(teller)
        await tx.lock("announcement", audience)
        row = tx.announcements.get(audience) or SinkPositionRow(None, None, self._now)
        if row.due_at > self._now:
            return None
        tx.announcements[audience] = replace(row, teller=teller, due_at=self._now + timedelta(seconds=seconds))
        return SinkPosition(row.cursor, row.tries, is_free=False)

    async def advance(self, audience: str, teller: str, cursor: str) -> bool:
        row = await self._held(audience, teller)
        if row is not None:
            self._transaction.announcements[audience] = SinkPositionRow(values.text(cursor), None, self._now)
        return row is not None

    async def postpone(self, audience: str, teller: str, error: str, delay: float) -> None:
        row = await self._held(audience, teller)
        if row is not None:
            retry_at = self._now + timedelta(seconds=delay)
            postpone = replace(row, teller=None, due_at=retry_at, tries=row.tries + 1, error=values.text(error))
            self._transaction.announcements[audience] = postpone

    async def _held(self, audience: str, teller: str) -> SinkPositionRow | None:
        tx = await self._transaction.begin_statement()
        await tx.lock("announcement", audience)
        row = tx.announcements.get(audience)
        return row if row is not None and row.teller == teller else None

    @property
    def _now(self) -> datetime:
        return self._transaction.store.clock.now()
