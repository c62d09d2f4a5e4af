"""The wall clock of this machine, for times that are only displayed, such as those of a worker's log lines."""

from datetime import UTC, datetime


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)
