"""A fake sign-in limiter."""

from collections import Counter


class FakeSignInLimiter:
    def __init__(self, at_most: int = 5) -> None:
        self._at_most = at_most
        self._failures: Counter[tuple[str, str | None]] = Counter()

    def allows(self, name: str, address: str | None) -> bool:
        return self._failures[name, address] < self._at_most

    def record_failure(self, name: str, address: str | None) -> None:
        self._failures[name, address] += 1
