"""Picks the line of a stage's output that says best why it failed."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from domain.output.output_noise import StackFrames, find_trace_prefix, is_follow_up, is_noise
from domain.output.terminal_codes import strip_terminal_codes

_TRACEBACK: Final = re.compile(r"\s*(?:\|\s*|\+ )?(?:Exception Group )?Traceback \(most recent call last\):")
_EXCEPTION: Final = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?::|$)")
_LINES: Final = 200
_LENGTH: Final = 1_000
_FOLLOWING: Final = 10
"""Lines after a Python exception that do not replace it: the rest of its message, and what `make` or a shell says about the exit code."""


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
        found = [find_reason(lines) for lines in self._lines.values()]
        return next(filter(None, (*(reason.text for reason in found), *(reason.follow_up for reason in found))), "")


@dataclass(frozen=True, slots=True)
class Reason:
    """The line that says why a program failed, and the last one that only says that it did. Both may be empty."""

    text: str = ""
    follow_up: str = ""


def find_reason(lines: Iterable[str]) -> Reason:
    """Return the reason in the lines of one stream, without terminal codes."""
    texts = [text for line in lines if (text := strip_terminal_codes(line).rstrip())]
    trace = find_trace_prefix(texts)
    if trace is None:
        return _scan(texts)
    without_trace = _scan([text for text in texts if not trace.match(text)])
    return without_trace if without_trace.text else Reason(follow_up=_scan(texts).text)


def _scan(texts: Iterable[str]) -> Reason:
    reason, follow_up, is_in_traceback, kept = "", "", False, 0
    frames = StackFrames()
    for text in texts:
        if _TRACEBACK.fullmatch(text):
            is_in_traceback = True
        elif is_in_traceback:
            if not text[0].isspace() and text[0] not in "|+" and _EXCEPTION.match(text):
                reason, is_in_traceback, kept = text, False, _FOLLOWING
        elif frames.contains(text):
            continue
        elif is_follow_up(text):
            follow_up = text
        elif kept:
            kept -= 1
        elif not is_noise(text):
            reason = text.strip()
    return Reason(reason, follow_up)
