"""A clock that stands still until it is told to move."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """Says the moment it was set to; only `advance` and `set` move it."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("a moment is aware")
        self._now = now.astimezone(UTC)

    def advance(self, seconds: float) -> datetime:
        """Go on by that many seconds; the moment it is then."""
        self._now += timedelta(seconds=seconds)
        return self._now
