"""An outbox without leases, which gives a row to several relays."""

from application.ports.persistence.outbox import OutboxRow
from tests.fakes.persistence.outbox import FakeOutbox


class UnleasedOutbox(FakeOutbox):
    async def lease(self, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        tx = await self._transaction.begin_statement()
        now = tx.store.clock.now()
        rows = [(row_id, entry) for row_id, entry in sorted(tx.outbox.items()) if entry.due_at <= now]
        return [OutboxRow(row_id, entry.run_id, entry.epoch, entry.pool, entry.tries, entry.created_at) for row_id, entry in rows[:limit]]
