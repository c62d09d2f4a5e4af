"""How far audiences were told, in memory; time is the store's clock."""

from dataclasses import replace
from datetime import datetime, timedelta

from application.ports.run_announcements import Position
from tests.fakes.persistence import values
from tests.fakes.persistence.store import AnnouncementRow
from tests.fakes.persistence.transaction import Transaction


class FakeAnnouncementPositions:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def find(self, audience: str) -> Position:
        tx = await self._transaction.turn()
        row = tx.announcements.get(audience)
        return Position(row.cursor, row.tries, row.due_at <= self._now) if row else Position()

    async def take(self, audience: str, teller: str, seconds: float) -> Position | None:
        tx = await self._transaction.turn()
        values.text(audience)
        values.text(teller)
        await tx.lock("announcement", audience)
        row = tx.announcements.get(audience) or AnnouncementRow(None, None, self._now)
        if row.due_at > self._now:
            return None
        tx.announcements[audience] = replace(row, teller=teller, due_at=self._now + timedelta(seconds=seconds))
        return Position(row.cursor, row.tries, is_free=False)

    async def move(self, audience: str, teller: str, cursor: str) -> bool:
        row = await self._held(audience, teller)
        if row is not None:
            self._transaction.announcements[audience] = AnnouncementRow(values.text(cursor), None, self._now)
        return row is not None

    async def put_off(self, audience: str, teller: str, error: str, delay: float) -> None:
        row = await self._held(audience, teller)
        if row is not None:
            again = self._now + timedelta(seconds=delay)
            put_off = replace(row, teller=None, due_at=again, tries=row.tries + 1, error=values.text(error))
            self._transaction.announcements[audience] = put_off

    async def _held(self, audience: str, teller: str) -> AnnouncementRow | None:
        tx = await self._transaction.turn()
        await tx.lock("announcement", audience)
        row = tx.announcements.get(audience)
        return row if row is not None and row.teller == teller else None

    @property
    def _now(self) -> datetime:
        return self._transaction.store.clock.now()
