"""Stored answers of requests with an Idempotency-Key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from domain.errors import IdempotencyKeyReused


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The Idempotency-Key of a request. `scope` identifies the route and the caller, `digest` is the hash of the canonical body."""

    scope: str
    key: str
    digest: bytes

    def check(self, digest: bytes) -> None:
        """Raise IdempotencyKeyReused unless this is the digest of the first request with the key."""
        if digest != self.digest:
            raise IdempotencyKeyReused(self.key)


class Idempotency(Protocol):
    """Answers of requests with a key, stored in the transaction of the request."""

    async def find(self, key: IdempotencyKey, now: datetime) -> Mapping[str, Any] | None:
        """Return the stored answer. For a new key, return None and lock the key for this transaction.

        Concurrent requests with the key wait for this transaction; they raise Conflict `in_progress` if that takes too long. Raises
        IdempotencyKeyReused if the first request had another body.
        """
        ...

    async def add(self, key: IdempotencyKey, answer: Mapping[str, Any]) -> None:
        """Store the answer of a key that `find` locked in this transaction."""
        ...
