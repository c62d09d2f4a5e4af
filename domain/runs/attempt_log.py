"""Decides which lines of an attempt's output are stored: the first ones at once, the last ones when the attempt ends."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

MAX_TAIL_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LogLimit:
    """The most bytes of an attempt's output that are stored, in two parts: the head and the tail."""

    total_bytes: int

    @property
    def tail_bytes(self) -> int:
        """A quarter of the limit, at most 1 MiB, because the worker keeps the tail in memory while the stage runs."""
        return min(self.total_bytes // 4, MAX_TAIL_BYTES)

    @property
    def head_bytes(self) -> int:
        return self.total_bytes - self.tail_bytes


@dataclass(frozen=True, slots=True)
class TailStart:
    """The index of the first line that belongs to the tail, and the size of the tail in bytes."""

    index: int
    max_bytes: int


class LineDecision(Enum):
    """Whether a line is stored."""

    STORE = auto()
    STORE_NOTE = auto()
    """The head is full: a note is stored in place of the line. The line itself may come again as part of the tail."""
    IGNORE = auto()
    """The line is stored already, or there is no room for it."""


@dataclass(slots=True)
class AttemptLog:
    """The state of an attempt's log: the index of the next line, the stored bytes, and whether the head is full."""

    next_index: int = 0
    stored_bytes: int = 0
    is_head_full: bool = False

    def add(self, index: int, size: int, limit: LogLimit, *, is_tail: bool) -> LineDecision:
        """Decide on the line `index` of `size` bytes. Lines come in order, any of them more than once."""
        if index < self.next_index or (self.is_head_full and not is_tail):
            return LineDecision.IGNORE
        if not is_tail and self.stored_bytes + size > limit.head_bytes:
            self.is_head_full = True
            return LineDecision.STORE_NOTE
        self.next_index = index + 1
        if self.stored_bytes + size > limit.total_bytes:
            return LineDecision.IGNORE
        self.stored_bytes += size
        return LineDecision.STORE

    def get_tail_start(self, limit: LogLimit) -> TailStart | None:
        """Return None while the head has room."""
        return TailStart(self.next_index, limit.tail_bytes) if self.is_head_full else None


def describe_full_head(limit: LogLimit) -> str:
    """Return the note that is stored after the head."""
    head, tail = _format_size(limit.head_bytes), _format_size(limit.tail_bytes)
    return f"This attempt has written {head}. The last {tail} of what follows are shown when it ends."


def _format_size(size: int) -> str:
    for unit, name in ((1024 * 1024, "MiB"), (1024, "KiB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}".replace(".0 ", " ")
    return f"{size:,} bytes"
