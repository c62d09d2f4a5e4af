"""Picks the line of a stage's output that says best why it failed."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from domain.output.line_ranks import Rank, rank_line
from domain.output.output_noise import StackFrames, find_trace_prefix, is_noise
from domain.output.terminal_codes import strip_terminal_codes

_TRACEBACK: Final = re.compile(r"\s*(?:\|\s*|\+ )?(?:Exception Group )?Traceback \(most recent call last\):")
_EXCEPTION: Final = re.compile(r"(?:  (?:  )*\| )?(?P<text>(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:: .*|:?$))")
"""The last line of a traceback. Those of exception groups are indented."""
_INTRODUCTION: Final = re.compile(r"thread '.*' (?:\(\d+\) )?panicked at .*:\d+:\d+:")
"""The next line names the error."""
_BORDER: Final = " \t│"
_WINDOW: Final = 50
"""Number of meaningful lines at the end. Among them, a line that names an error takes precedence over later lines that do not."""
_LINES: Final = 200
_LENGTH: Final = 1_000
_FOLLOWING: Final = 10
"""Lines after a Python exception that do not replace it: the rest of its message, and lines of `make` or a shell about the exit code."""


class FailureReason:
    """Keeps the last lines of a stage. `text` is the reason, empty if there is none.

    It is the exception of the last traceback, the last line that names an error, or the last meaningful line. Of lines of the same rank
    in both streams, it is that of standard error.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[str]] = {stream: deque(maxlen=_LINES) for stream in ("stderr", "stdout")}

    def add(self, stream: str, line: str) -> None:
        """Take one line. It is examined only if the stage fails."""
        self._lines[stream].append(line[:_LENGTH])

    @property
    def text(self) -> str:
        found = [reason for lines in self._lines.values() if (reason := find_reason(lines)) is not None]
        return max(found, key=lambda reason: reason.rank).text if found else ""


class Reason(NamedTuple):
    """The line that says best why a program failed."""

    text: str
    rank: Rank


def find_reason(lines: Iterable[str]) -> Reason | None:
    """Return the reason in the lines of one stream, without terminal codes; None if all of them are noise."""
    texts = [text for line in lines if (text := strip_terminal_codes(line).rstrip())]
    trace = find_trace_prefix(texts)
    if trace is None:
        return _choose(_find_reasons(texts))
    without_trace = _choose(_find_reasons([text for text in texts if not trace.match(text)]))
    if without_trace is not None:
        return without_trace
    traced = _choose(_find_reasons(texts))
    return traced and traced._replace(rank=Rank.FOLLOW_UP)


def _choose(reasons: Sequence[Reason]) -> Reason | None:
    """Return the last one of the highest rank among the last lines."""
    return max(reversed(reasons[-_WINDOW:]), key=lambda reason: reason.rank, default=None)


def _find_reasons(texts: Iterable[str]) -> list[Reason]:
    reasons: list[Reason] = []
    is_in_traceback, is_introduced, following = False, False, 0
    frames = StackFrames()
    for text in texts:
        if _TRACEBACK.fullmatch(text):
            is_in_traceback = True
        elif is_in_traceback:
            if exception := _EXCEPTION.match(text):
                reasons.append(Reason(exception["text"], Rank.ERROR))
                is_in_traceback, following = False, _FOLLOWING
        elif frames.contains(text):
            continue
        elif following and rank_line(text) is not Rank.FOLLOW_UP:
            following -= 1
        elif not is_noise(text):
            reasons.append(Reason(text.strip(_BORDER), Rank.ERROR if is_introduced else rank_line(text)))
            is_introduced = _INTRODUCTION.fullmatch(text) is not None
    return reasons
