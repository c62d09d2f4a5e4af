"""Detects times in which a service did not see the store."""

from datetime import datetime, timedelta


class GapDetector:
    """Compares the times at which a service saw the store, by the clock that decides what is due.

    A frozen store, a frozen process and a suspended machine look the same: the store was not seen for too long. Workers and reporters could
    not reach Headgate meanwhile. A start is the end of a gap too, because the process did not run before, and so is a clock that was set.
    """

    def __init__(self, max_gap_seconds: float) -> None:
        self._max_gap = timedelta(seconds=max_gap_seconds)
        self._seen_at: datetime | None = None

    def ends_gap(self, now: datetime) -> bool:
        """Note that the store is seen at this time. Return True if that ends a gap."""
        last, self._seen_at = self._seen_at, now
        return last is None or abs(now - last) > self._max_gap
