"""An audit log in memory."""

from collections.abc import Sequence
from dataclasses import replace

from domain.access.audit import AuditAction, AuditEntry
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction


class FakeAuditLog:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        tx = await self._transaction.begin_statement()
        for entry in entries:
            for word in (entry.actor, entry.auth_method, entry.address, entry.subject):
                values.text(word)
            number = tx.store.next_id("audit")
            tx.audit[number] = replace(entry, id=number, details=values.document(dict(entry.details)))

    async def page(self, limit: int, below: int | None = None, deed: AuditAction | None = None, who: str | None = None) -> list[AuditEntry]:
        tx = await self._transaction.begin_statement()
        rows = sorted(tx.audit.values(), key=lambda row: -row.id)
        rows = [row for row in rows if below is None or row.id < below]
        rows = [row for row in rows if deed in (None, row.action) and who in (None, row.actor)]
        return rows[:limit]
