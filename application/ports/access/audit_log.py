"""The audit log in the store."""

from collections.abc import Sequence
from typing import Protocol

from domain.access.audit import AuditAction, AuditEntry


class AuditLog(Protocol):
    """An append-only log: the application has no role that can change or remove an entry."""

    async def add(self, entries: Sequence[AuditEntry]) -> None: ...

    async def page(self, limit: int, below: int | None = None, deed: AuditAction | None = None, who: str | None = None) -> list[AuditEntry]:
        """Return entries, newest first. `below` is the id of the last entry of the previous page."""
        ...
