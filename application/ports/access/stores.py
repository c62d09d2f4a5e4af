"""Accounts, sessions, tokens and the audit log in the store."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from domain.access.accounts import Account, ApiToken, Session
from domain.access.audit import AuditAction, AuditEntry
from domain.access.permissions import Role


class Accounts(Protocol):
    async def add(self, name: str, role: Role, password: str | None, subject: str | None, now: datetime) -> Account:
        """NameTaken when there is an account of that name."""
        ...

    async def find(self, name: str, *, lock: bool = False) -> Account | None: ...

    async def find_by_subject(self, subject: str) -> Account | None: ...

    async def find_by_id(self, account_id: int) -> Account | None: ...

    async def save(self, account: Account) -> None:
        """Store what may change: role, password, subject, disabled, seen."""
        ...

    async def all(self) -> list[Account]:
        """By name."""
        ...


class Sessions(Protocol):
    """By the digest of the session's key; the key itself is with the browser alone."""

    async def add(self, digest: bytes, session: Session) -> None: ...

    async def find(self, digest: bytes) -> tuple[Session, Account] | None: ...

    async def touch(self, digest: bytes, now: datetime) -> None: ...

    async def remove(self, digest: bytes) -> None: ...

    async def remove_for_account(self, account_id: int, but: bytes | None = None) -> int:
        """End the account's sessions, all but one if named; how many those were."""
        ...

    async def remove_created_before(self, moment: datetime) -> int: ...


class ApiTokens(Protocol):
    async def add(self, token: ApiToken, digest: bytes) -> ApiToken:
        """The token with its id."""
        ...

    async def find(self, digest: bytes) -> ApiToken | None: ...

    async def find_by_id(self, token_id: int) -> ApiToken | None: ...

    async def revoke(self, token_id: int, now: datetime) -> bool:
        """False when it was revoked before, or never was."""
        ...

    async def touch(self, token_id: int, day: datetime) -> None: ...

    async def all(self) -> list[ApiToken]:
        """Newest first."""
        ...


class AuditLog(Protocol):
    """Append-only: nothing can change or remove an entry, by no role the application has."""

    async def add(self, entries: Sequence[AuditEntry]) -> None: ...

    async def page(self, limit: int, below: int | None = None, deed: AuditAction | None = None, who: str | None = None) -> list[AuditEntry]:
        """Newest first; `below` is the id of the last one seen."""
        ...
