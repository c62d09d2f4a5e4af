"""Stored answers of requests with an Idempotency-Key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.errors import IdempotencyKeyReused


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key for one request. `scope` is the route and who calls, `digest` the hash of the canonical body."""

    scope: str
    key: str
    digest: bytes

    def check(self, digest: bytes) -> None:
        """IdempotencyKeyReused unless this is the digest of the request that had the key first."""
        if digest != self.digest:
            raise IdempotencyKeyReused(self.key)


class Idempotency(Protocol):
    """Answers to requests that had a key, stored in the transaction of what they did."""

    async def find(self, key: IdempotencyKey, now: datetime) -> Mapping[str, Any] | None:
        """The stored answer. None for a new key, which is this transaction's from now on: whoever asks for it meanwhile waits for
        the end of this one, and gets Conflict `in_progress` when that takes too long. IdempotencyKeyReused when the request had another body.
        """
        ...

    async def add(self, key: IdempotencyKey, answer: Mapping[str, Any]) -> None:
        """Store the answer of a key that `find` gave to this transaction."""
        ...
