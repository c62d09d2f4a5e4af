"""The sessions in the store."""

from datetime import datetime
from typing import Protocol

from domain.access.accounts import Account
from domain.access.sessions import Session


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
