"""An outbox in memory."""

from dataclasses import replace
from datetime import timedelta

from application.ports.persistence.outbox import OutboxRow
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction


class FakeOutbox:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def lease(self, relay: str, limit: int, seconds: float) -> list[OutboxRow]:
        tx = await self._transaction.begin_statement()
        now = tx.store.clock.now()
        taken: list[OutboxRow] = []
        for row_id, entry in sorted(tx.outbox.items()):
            if len(taken) == limit:
                break
            if entry.due_at > now or tx.is_locked_elsewhere("outbox", row_id):
                continue
            await tx.lock("outbox", row_id)
            tx.outbox[row_id] = replace(entry, relay=relay, due_at=now + timedelta(seconds=seconds))
            taken.append(OutboxRow(row_id, entry.run_id, entry.epoch, entry.pool, entry.tries, entry.created_at))
        return taken

    async def mark_delivered(self, run_id: int, epoch: int) -> None:
        tx = await self._transaction.begin_statement()
        for row_id, entry in list(tx.outbox.items()):
            if (entry.run_id, entry.epoch) == (run_id, epoch):
                await tx.lock("outbox", row_id)
                tx.outbox.pop(row_id, None)

    async def postpone(self, row_id: int, error: str, delay: float) -> None:
        tx = await self._transaction.begin_statement()
        if row_id not in tx.outbox:
            return
        await tx.lock("outbox", row_id)
        if row_id in tx.outbox:
            entry = tx.outbox[row_id]
            due_at = tx.store.clock.now() + timedelta(seconds=delay)
            tx.outbox[row_id] = replace(entry, tries=entry.tries + 1, error=values.text(error), relay=None, due_at=due_at)

    async def quarantine(self, row_id: int, error: str, delay: float) -> None:
        await self.postpone(row_id, error, delay)
        tx = self._transaction
        if row_id in tx.outbox:
            tx.outbox[row_id] = replace(tx.outbox[row_id], quarantined=True)

    async def release(self) -> int:
        tx = await self._transaction.begin_statement()
        now = tx.store.clock.now()
        held = [(row_id, entry) for row_id, entry in tx.outbox.items() if entry.quarantined]
        for row_id, entry in held:
            await tx.lock("outbox", row_id)
            tx.outbox[row_id] = replace(entry, due_at=now)
        return len(held)
