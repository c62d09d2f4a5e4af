"""Picks the line of a stage's output that says best why it failed."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from typing import Final

_CODES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_SHELL_TRACE: Final = re.compile(r"\++ ")
"""What `set -x` puts before a command that it prints. It prints the command that ends the script too."""
_PERCENT: Final = re.compile(r"\d\s?%")
_BAR: Final = re.compile(r"\|[^|]*\||\[[=#>*.\-\s━█]*\]|[█▏▎▍▌▋▊▉━╸=#]{3}|/s\b|s/it\b|\beta\b|\(\d+/\d+\)|\d\d?:\d\d", re.IGNORECASE)
_COUNTER: Final = re.compile(r"\[[=#>*.\-\s━█]{4,}\]|^\s*\d+ of \d+\s*$|^\s*\d+/\d+\s*$|^\s*\d+(?:\s+\d[\d.]*[kKMG]?){6,}")
_TRACEBACK: Final = re.compile(r"\s*(?:\|\s*|\+ )?(?:Exception Group )?Traceback \(most recent call last\):")
_EXCEPTION: Final = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?::|$)")
_LINES: Final = 200
_LENGTH: Final = 1_000
_FOLLOWING: Final = 10
"""Lines after an exception that do not replace it: the rest of its message, and what `make` or a shell says about the exit code."""


class FailureReason:
    """Keeps the last lines of a stage. `text` is the reason, empty if there is none.

    It is the exception of the last traceback, or the last meaningful line of standard error; without any, that of standard output.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[str]] = {stream: deque(maxlen=_LINES) for stream in ("stderr", "stdout")}

    def add(self, stream: str, line: str) -> None:
        """Take one line. It is examined only if the stage fails."""
        self._lines[stream].append(line[:_LENGTH])

    @property
    def text(self) -> str:
        reasons = (find_reason(lines) for lines in self._lines.values())
        return next(filter(None, reasons), "")


def find_reason(lines: Iterable[str]) -> str:
    """Return the line of one stream that says best why it ended, without terminal codes; empty if none says anything."""
    reason, is_in_traceback, kept = "", False, 0
    for text in filter(None, (_CODES.sub("", line).rstrip() for line in lines)):
        if _TRACEBACK.fullmatch(text):
            is_in_traceback = True
        elif is_in_traceback:
            if not text[0].isspace() and text[0] not in "|+" and _EXCEPTION.match(text):
                reason, is_in_traceback, kept = text, False, _FOLLOWING
        elif kept:
            kept -= 1
        elif is_meaningful(text):
            reason = text.strip()
    return reason


def is_meaningful(text: str) -> bool:
    """True unless a line only marks a place, repeats a command or shows progress."""
    is_progress = _COUNTER.search(text) or (_PERCENT.search(text) and _BAR.search(text))
    return any(map(str.isalnum, text)) and not _SHELL_TRACE.match(text) and not is_progress
