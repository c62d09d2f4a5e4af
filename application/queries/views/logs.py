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
    is_unfinished: bool = False
    """True before the line end is printed. The text may change, and `n` is the number of the line before."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Selects log lines of a run. None matches every line; `text` is matched case-insensitively."""

    stage: str | None = None
    attempt: int | None = None
    stream: str | None = None
    text: str | None = None

    def selects(self, stage: str, attempt: int, stream: str) -> bool:
        """Return whether the filter selects lines of this attempt and stream. The text is not compared."""
        return self.stage in (None, stage) and self.attempt in (None, attempt) and self.stream in (None, stream)
