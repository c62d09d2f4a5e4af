"""Browser sessions in the store."""

from datetime import datetime
from typing import Protocol

from domain.access.accounts import Account
from domain.access.sessions import Session


class Sessions(Protocol):
    """Sessions by the digest of their key. Only the browser has the key."""

    async def add(self, digest: bytes, session: Session) -> None: ...

    async def find(self, digest: bytes) -> tuple[Session, Account] | None: ...

    async def touch(self, digest: bytes, now: datetime) -> None: ...

    async def remove(self, digest: bytes) -> None: ...

    async def remove_for_account(self, account_id: int, but: bytes | None = None) -> int:
        """Remove the account's sessions, except the one with the digest `but`. Returns the number removed."""
        ...

    async def remove_created_before(self, moment: datetime) -> int: ...
