"""Log lines of attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewLogLine:
    """One line of a stage's output. `index` numbers the attempt's lines from 0, so that a repeated append stores no line twice."""

    index: int
    at: datetime
    stream: str
    text: str


class Logs(Protocol):
    async def append(self, run_id: int, stage: str, attempt: int, lines: Sequence[NewLogLine], limit_bytes: int) -> int:
        """Store the new lines, numbered consecutively within the run. Returns how many were stored.

        After `limit_bytes` of the attempt, one line says that the rest is cut off, and later lines are dropped. Raises LookupError for an
        unknown attempt.
        """
        ...
