"""Limits failed sign-ins, in memory."""

from __future__ import annotations

import hashlib
from typing import Final

from limits import RateLimitItem, parse
from limits.strategies import MovingWindowRateLimiter

from adapters.rate_limit_storage import MonotonicStorage


class InMemorySignInLimiter:
    """Counts failed sign-ins by name and address, by address, and by name.

    One address cannot lock an account for everyone, and many addresses cannot guess the password of one account without limit.
    """

    LIMITS: Final = {"both": "5 per 5 minutes", "address": "20 per 5 minutes", "name": "50 per hour"}

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MonotonicStorage())
        self._limits: dict[str, RateLimitItem] = {limit: parse(text) for limit, text in self.LIMITS.items()}

    def allows(self, name: str, address: str | None) -> bool:
        return all(self._limiter.test(self._limits[limit], limit, *key) for limit, key in _get_keys(name, address).items())

    def record_failure(self, name: str, address: str | None) -> None:
        for limit, key in _get_keys(name, address).items():
            self._limiter.hit(self._limits[limit], limit, *key)


def _get_keys(name: str, address: str | None) -> dict[str, tuple[str, ...]]:
    """Return the key that each limit counts by. Names are hashed, so that none is stored in clear text."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return {"both": (digest, address or ""), "address": (address or "",), "name": (digest,)}
