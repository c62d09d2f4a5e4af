"""Read models of log lines, and the filter that selects them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogLineView:
    """One line of output. `n` is the line's number in the run, from 1; `stream` is stdout, stderr or headgate."""

    n: int
    at: datetime
    stream: str
    text: str
    stage: str
    attempt: int


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Selects log lines of a run. None matches every line; `text` is matched case-insensitively."""

    stage: str | None = None
    attempt: int | None = None
    stream: str | None = None
    text: str | None = None
