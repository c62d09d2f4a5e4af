"""Accounts in the store."""

from datetime import datetime
from typing import Protocol

from domain.access.accounts import Account
from domain.access.permissions import Role


class Accounts(Protocol):
    async def add(self, name: str, role: Role, password: str | None, subject: str | None, now: datetime) -> Account:
        """Add an account. Raises NameTaken."""
        ...

    async def find(self, name: str, *, lock: bool = False) -> Account | None: ...

    async def find_by_subject(self, subject: str) -> Account | None: ...

    async def find_by_id(self, account_id: int) -> Account | None: ...

    async def save(self, account: Account) -> None:
        """Store the fields that can change: role, password, subject, disabled_at and seen_at."""
        ...

    async def list_all(self) -> list[Account]:
        """Return all accounts, ordered by name."""
        ...
