"""A clock that tests move."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class FakeClock:
    """Stands still: only `advance` and `set` move it."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("the time must have a time zone")
        self._now = now.astimezone(UTC)

    def advance(self, seconds: float) -> datetime:
        """Move forward by so many seconds and return the new time."""
        self._now += timedelta(seconds=seconds)
        return self._now
