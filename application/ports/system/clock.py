"""The clock."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time by which everything is due: in a web process the database's, so that all processes agree.

    It may step forwards or backwards, when the clock that it follows was set. Measure durations within the process by a monotonic clock.
    """

    def now(self) -> datetime:
        """Return the present time in UTC, timezone-aware. Raise Unavailable if it is not known yet."""
        ...
