"""Read models of log lines, and the filter that selects them."""

from dataclasses import dataclass
from datetime import datetime

from domain.output.terminal_codes import strip_terminal_codes


@dataclass(frozen=True, slots=True)
class LogLineView:
    """One line of output. `n` is the line's number in the run, from 1; `stream` is stdout, stderr or headgate.

    `text` has the colours with which the line was written.
    """

    n: int
    at: datetime
    stream: str
    text: str
    stage: str
    attempt: int
    is_unfinished: bool = False
    """True before the line end is printed. The text may change, and `n` is the number of the line before."""
    is_order_approximate: bool = False
    """True if both streams were written at almost the same time, so that the order of this line and its neighbours is not certain."""

    @property
    def plain_text(self) -> str:
        """The text without colours and other terminal codes. Searches compare it."""
        return strip_terminal_codes(self.text)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Selects log lines of a run. None matches every line; `text` is searched in the plain text, case-insensitively."""

    stage: str | None = None
    attempt: int | None = None
    stream: str | None = None
    text: str | None = None

    def selects(self, stage: str, attempt: int, stream: str) -> bool:
        """Return whether the filter selects lines of this attempt and stream. The text is not compared."""
        return self.stage in (None, stage) and self.attempt in (None, attempt) and self.stream in (None, stream)
