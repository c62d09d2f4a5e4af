"""Log lines of attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain.runs.attempt_log import LogLimit, TailStart


@dataclass(frozen=True, slots=True)
class NewLogLine:
    """One line of a stage's output. `index` numbers the attempt's lines from 0, so that a repeated append stores no line twice."""

    index: int
    at: datetime
    stream: str
    text: str
    is_order_approximate: bool = False


@dataclass(frozen=True, slots=True)
class UnfinishedLine:
    """The present state of a line whose end was not printed yet, or of several lines that a program still changes."""

    at: datetime
    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class UnfinishedLines:
    """All unfinished lines of an attempt. A higher `version` is newer."""

    version: int
    lines: Sequence[UnfinishedLine]


@dataclass(frozen=True, slots=True)
class AppendedLines:
    """How many lines were stored, and whether unfinished lines changed.

    `tail` is set once the head is full, and begins with the first line it had no room for.
    """

    stored: int
    tail: TailStart | None = None
    has_new_unfinished: bool = False


class Logs(Protocol):
    async def append(
        self,
        run_id: int,
        stage: str,
        attempt: int,
        lines: Sequence[NewLogLine],
        limit: LogLimit,
        *,
        is_tail: bool = False,
        unfinished: UnfinishedLines | None = None,
    ) -> AppendedLines:
        """Store the new lines, numbered consecutively within the run.

        Lines that the head has no room for are not stored, but a note says so, once. They are stored if they come with `is_tail`.
        Unfinished lines replace those of a lower version, at the same moment as the new lines become visible.
        Raises LookupError for an unknown attempt.
        """
        ...
