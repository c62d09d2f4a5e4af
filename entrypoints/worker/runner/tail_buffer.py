"""Keeps the newest lines of an attempt in bounded memory."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

_LINE_OVERHEAD: Final = 150
"""Bytes of memory that a line needs besides its text, roughly."""


class NumberedLine(NamedTuple):
    """A line of an attempt's log. `number` counts from 0."""

    number: int
    at: datetime
    stream: str
    text: str
    is_order_approximate: bool = False

    def encode(self) -> bytes:
        """Return the line as it is sent."""
        mark = [True] if self.is_order_approximate else []
        return json.dumps([self.number, self.at.isoformat(), self.stream, self.text, *mark], separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> NumberedLine:
        """Return the line that was encoded."""
        number, at, stream, text, *mark = json.loads(data)
        return cls(number, datetime.fromisoformat(at), stream, text, bool(mark))

    @property
    def size(self) -> int:
        """The number of bytes of the text."""
        return len(self.text) if self.text.isascii() else len(self.text.encode("utf-8", "surrogatepass"))


class TailBuffer:
    """The newest lines, in at most `max_bytes` of memory, and always the very newest. Older ones are dropped and counted."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lines: deque[NumberedLine] = deque()
        self._used = 0
        self._dropped_lines = self._dropped_bytes = 0
        self._last_dropped: NumberedLine | None = None

    def add(self, line: NumberedLine) -> None:
        """Take the next line."""
        self._lines.append(line)
        self._used += line.size + _LINE_OVERHEAD
        while self._used > self._max_bytes and len(self._lines) > 1:
            self._last_dropped = dropped = self._lines.popleft()
            size = dropped.size
            self._used -= size + _LINE_OVERHEAD
            self._dropped_lines += 1
            self._dropped_bytes += size

    def get_newest(self, count: int, max_length: int) -> dict[str, list[str]]:
        """Return the newest lines of the stage by stream, each cut to a length."""
        found: dict[str, list[str]] = {}
        for line in list(itertools.islice(reversed(self._lines), count))[::-1]:
            if line.stream != "headgate":
                found.setdefault(line.stream, []).append(line.text[:max_length])
        return found

    def take_lines(self) -> Iterator[NumberedLine]:
        """Yield the lines and forget them. In place of those that were dropped comes one note of the worker."""
        if self._last_dropped is not None:
            # The note takes the number and the time of the last line that was dropped.
            text = f"{_count(self._dropped_lines, 'line')} ({_count(self._dropped_bytes, 'byte')}) are left out here."
            yield self._last_dropped._replace(stream="headgate", text=text, is_order_approximate=False)
        while self._lines:
            yield self._lines.popleft()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
