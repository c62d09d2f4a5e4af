"""The audit log in the store."""

from collections.abc import Sequence
from typing import Protocol

from domain.access.audit import AuditAction, AuditEntry


class AuditLog(Protocol):
    """Append-only: nothing can change or remove an entry, by no role the application has."""

    async def add(self, entries: Sequence[AuditEntry]) -> None: ...

    async def page(self, limit: int, below: int | None = None, deed: AuditAction | None = None, who: str | None = None) -> list[AuditEntry]:
        """Newest first; `below` is the id of the last one seen."""
        ...
