"""Log lines of attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewLogLine:
    """One line of a stage's output. `index` counts the attempt's lines from 0, so a repeated append stores nothing twice."""

    index: int
    at: datetime
    stream: str
    text: str


class Logs(Protocol):
    async def append(self, run_id: int, stage: str, attempt: int, lines: Sequence[NewLogLine], limit_bytes: int) -> int:
        """Store the lines not stored before, numbered on within the run; returns how many were stored.

        Past `limit_bytes` for the attempt one line says that the rest is cut, and everything after it is dropped.
        """
        ...
