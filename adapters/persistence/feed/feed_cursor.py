"""A cursor of the change feed: which transactions were seen, and how far a batch that was too large was read.

It is a PostgreSQL snapshot; or, in the middle of a large batch, the two snapshots it lies between and the last event read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

_SNAPSHOT = re.compile(r"(\d{1,19}):(\d{1,19}):(\d{1,19}(?:,\d{1,19})*)?")
_PLACE = re.compile(r"(\d{1,18})\.(\d{1,9})")
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """Everything visible in `seen` was read; when `until` is given, also of what is visible in that up to (run id, seq) `place`."""

    seen: str
    until: str | None = None
    place: tuple[int, int] = (0, 0)

    @classmethod
    def read(cls, text: str) -> Self:
        """ValueError for what is not written as a cursor."""
        parts = text.split("~") if len(text) <= _LONGEST else []
        if len(parts) == 1:
            return cls(_snapshot(parts[0]))
        place = _PLACE.fullmatch(parts[2]) if len(parts) == 3 else None
        if place is None:
            raise ValueError("not a cursor")
        return cls(_snapshot(parts[0]), _snapshot(parts[1]), (int(place[1]), int(place[2])))

    def __str__(self) -> str:
        return self.seen if self.until is None else f"{self.seen}~{self.until}~{self.place[0]}.{self.place[1]}"

    def advance_to(self, snapshot: str, newest: int) -> str:
        """The later snapshot, as far as `newest` or where this cursor reached already."""
        return truncate_snapshot(snapshot, max(newest, _xmax(self.seen) - 1))

    def is_ahead_of(self, snapshot: str) -> bool:
        """True when it knows of transactions that were not begun yet at this snapshot: another database made it."""
        return max(_xmax(part) for part in (self.seen, self.until) if part) > _xmax(snapshot)


def truncate_snapshot(snapshot: str, newest: int) -> str:
    """The snapshot without what lies beyond `newest`, the last transaction it sees that wrote anything a feed tells.

    Beyond are only transactions that left nothing, and a server that crashes gives their numbers to others.
    """
    xmin, xmax, running = snapshot.split(":")
    end = min(int(xmax), newest + 1)
    left = [xid for xid in running.split(",") if xid and int(xid) < end]
    return f"{min(int(xmin), end)}:{end}:{','.join(left)}"


def _snapshot(text: str) -> str:
    """The text, when PostgreSQL could have written it: ASCII digits, xmin <= xmax, running transactions between them in order."""
    found = _SNAPSHOT.fullmatch(text) if text.isascii() else None
    if found is None:
        raise ValueError("not a cursor")
    xmin, xmax = int(found[1]), int(found[2])
    running = [int(xid) for xid in found[3].split(",")] if found[3] else []
    in_order = all(left < right for left, right in pairwise(running))
    within = not running or (xmin <= running[0] and running[-1] < xmax)
    if not (0 < xmin <= xmax < 2**63 and in_order and within):
        raise ValueError("not a cursor")
    return text


def _xmax(snapshot: str) -> int:
    return int(snapshot.split(":")[1])
