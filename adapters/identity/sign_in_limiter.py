"""TODO."""

from __future__ import annotations

import hashlib
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class InMemorySignInLimiter:
    """Failures by name and address, by address, and by name: one address cannot lock a name for everybody at once, and many addresses
    cannot guess at one name for ever."""

    LIMITS: Final = {"both": "5 per 5 minutes", "address": "20 per 5 minutes", "name": "50 per hour"}

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limits: dict[str, RateLimitItem] = {key: parse(text) for key, text in self.LIMITS.items()}

    def allows(self, name: str, address: str | None) -> bool:
        return all(self._limiter.test(self._limits[key], key, *who) for key, who in _keys(name, address).items())

    def record_failure(self, name: str, address: str | None) -> None:
        for key, who in _keys(name, address).items():
            self._limiter.hit(self._limits[key], key, *who)


def _keys(name: str, address: str | None) -> dict[str, tuple[str, ...]]:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return {"both": (digest, address or ""), "address": (address or "",), "name": (digest,)}
