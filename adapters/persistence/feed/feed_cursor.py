"""The cursor of the change feed.

Its text is a PostgreSQL snapshot or, in the middle of a large batch, two snapshots and the last event that was read between them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

_SNAPSHOT = re.compile(r"(\d{1,19}):(\d{1,19}):(\d{1,19}(?:,\d{1,19})*)?")
_POSITION = re.compile(r"(\d{1,18})\.(\d{1,18})")
_MAX_LENGTH = 100_000
SITE_RUN_ID = 0
"""The run id of site events in a position. Their ids take the place of `seq`, and they precede the events of runs."""


@dataclass(frozen=True, slots=True)
class FeedCursor:
    """All events visible in `seen` were read. With `until`, also those visible in `until` up to `position`, a (run id, seq)."""

    seen: str
    until: str | None = None
    position: tuple[int, int] = (0, 0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise ValueError if the text is not a cursor."""
        parts = text.split("~") if len(text) <= _MAX_LENGTH else []
        if len(parts) == 1:
            return cls(_parse_snapshot(parts[0]))
        position = _POSITION.fullmatch(parts[2]) if len(parts) == 3 else None
        if position is None:
            raise ValueError("not a cursor")
        return cls(_parse_snapshot(parts[0]), _parse_snapshot(parts[1]), (int(position[1]), int(position[2])))

    def __str__(self) -> str:
        return self.seen if self.until is None else f"{self.seen}~{self.until}~{self.position[0]}.{self.position[1]}"

    def advance_to(self, snapshot: str, newest: int) -> str:
        """Return the later snapshot, truncated to transaction `newest` or to this cursor, whichever is further."""
        return truncate_snapshot(snapshot, max(newest, _xmax(self.seen) - 1))

    def is_ahead_of(self, snapshot: str) -> bool:
        """Return True if it contains transactions that this snapshot does not know: it comes from another database."""
        return max(_xmax(part) for part in (self.seen, self.until) if part) > _xmax(snapshot)


def truncate_snapshot(snapshot: str, newest: int) -> str:
    """Return the snapshot without transactions beyond `newest`, the last visible one that wrote an event or a log line.

    Transactions beyond it wrote nothing that the feed reports, and after a crash the server may reuse their ids.
    """
    xmin, xmax, running = snapshot.split(":")
    end = min(int(xmax), newest + 1)
    left = [xid for xid in running.split(",") if xid and int(xid) < end]
    return f"{min(int(xmin), end)}:{end}:{','.join(left)}"


def _parse_snapshot(text: str) -> str:
    """Return the text if it is a valid snapshot: ASCII digits, xmin <= xmax, running transactions between them in order."""
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
