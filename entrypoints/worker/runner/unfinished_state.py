"""The unfinished lines of an attempt, as Headgate knows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any


class UnfinishedState:
    """Numbers the states of an attempt's unfinished lines, so that a request that arrives late does not bring back an old one."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[datetime, str]] = {}
        self._version = self._taken_version = 0

    def update(self, lines: Sequence[tuple[str, str]], at: datetime) -> bool:
        """Set the stream and the text of each unfinished line. Return whether they changed."""
        if dict(lines) == {stream: text for stream, (_, text) in self._lines.items()}:
            return False
        self._lines = {stream: (at, text) for stream, text in lines}
        self._version += 1
        return True

    def finish_line(self, stream: str) -> None:
        """Forget the unfinished line of a stream, because it is finished."""
        if stream in self._lines:
            del self._lines[stream]
            self._version += 1

    def clear(self) -> None:
        """Forget all unfinished lines."""
        for stream in list(self._lines):
            self.finish_line(stream)

    def take_changes(self) -> dict[str, Any] | None:
        """Return the present state as it is sent; None if it was taken before."""
        if self._version == self._taken_version:
            return None
        self._taken_version = self._version
        return {"version": self._version, "lines": [[at.isoformat(), stream, text] for stream, (at, text) in self._lines.items()]}
