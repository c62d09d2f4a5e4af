"""API tokens in the store."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from domain.access.api_tokens import ApiToken


class ApiTokens(Protocol):
    async def lock_names(self) -> None:
        """Make other transactions that call this wait until this one ends, so that the names of tokens can be compared."""
        ...

    async def add(self, token: ApiToken, digest: bytes) -> ApiToken:
        """Store the token and the digest of its text. Returns the token with its id."""
        ...

    async def find(self, digest: bytes) -> ApiToken | None: ...

    async def find_by_id(self, token_id: int) -> ApiToken | None: ...

    async def revoke(self, token_id: int, now: datetime) -> bool:
        """Return False if the token is unknown or was revoked before."""
        ...

    async def touch(self, token_id: int, day: datetime) -> None: ...

    async def list_by_ids(self, token_ids: Collection[int]) -> list[ApiToken]:
        """Return those of the tokens that exist, in any order."""
        ...

    async def list_all(self) -> list[ApiToken]:
        """Return all tokens, newest first."""
        ...
