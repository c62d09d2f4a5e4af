"""The API tokens in the store."""

from datetime import datetime
from typing import Protocol

from domain.access.api_tokens import ApiToken


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

    async def list_all(self) -> list[ApiToken]:
        """Newest first."""
        ...
