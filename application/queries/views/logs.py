"""Read models of log lines, and the filter that selects them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LogLineView:
    """One line of output. `n` counts the run's lines from 1; `stream` is stdout, stderr or headgate."""

    n: int
    at: datetime
    stream: str
    text: str
    stage: str
    attempt: int


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which of a run's lines are wanted; what is left out, all. `text` is looked for in any case."""

    stage: str | None = None
    attempt: int | None = None
    stream: str | None = None
    text: str | None = None
