"""Recognises the lines of a program's output that do not say why it failed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_SHELL_TRACE: Final = re.compile(r"\++(?: |\S*[:>)\]] )")
"""The prefix of a command that `set -x` prints. The last one is the command that ends the script."""
_EXIT_COMMAND: Final = re.compile(r"(?P<prefix>(?:\S.{0,100}?)?(?:[^\w\s]\s?|\d\s))exit \d+$")
_ERROR_WORD: Final = re.compile(r"err|fail|fatal|crit|exception|abort", re.IGNORECASE)
_PERCENT: Final = re.compile(r"\d\s?%")
_BAR: Final = re.compile(r"\|[^|]*\||\[[=#>*.\-\s━█]*\]|[█▏▎▍▌▋▊▉━╸=#]{3}|/s\b|s/it\b|\beta\b|\(\d+/\d+\)|\d\d?:\d\d", re.IGNORECASE)
_COUNTER: Final = re.compile(r"\[[=#>*.\-\s━█]{4,}\]|^\s*\d+ of \d+\s*$|^\s*\d+/\d+\s*$|^\s*\d+(?:\s+\d[\d.]*[kKMG]?){6,}")
_PROMPT: Final = re.compile(
    r"\S*[$#>%]|\[?[\w.-]+@[\w.-]+[: ]\S*[$#%]|(?:enter |\[sudo\] |\S{1,80}'s )?(?:password|passphrase|username|login)(?: for \S{1,80})?:",
    re.IGNORECASE,
)
_FRAME: Final = re.compile(
    r"\s+at (?:\S.*[(:]|<anonymous>).*|\s*at \S+\(.*\).*"  # Java, JavaScript, .NET
    r"|\s+\.\.\. \d+ more|\s+(?:from|\d+:) \S.*"  # Java, Ruby, Rust
    r"|Stack trace:|stack backtrace:|#\d+ .*|\s+thrown in .*|\s+at .*:line \d+"  # PHP, .NET
    r"|goroutine \d+ \[.*\]:|\t\S.*:\d+(?: \+0x[0-9a-f]+)?|created by \S+.*|\[signal \w+.*\]"  # Go
)
_GO_FUNCTION: Final = re.compile(r"[\w./*()\[\]…-]+\([^()]*\)")


def is_noise(text: str) -> bool:
    """True if a line only marks a place, repeats a command, asks for input or shows progress."""
    is_progress = _COUNTER.search(text) or (_PERCENT.search(text) and _BAR.search(text))
    is_prompt = _PROMPT.fullmatch(text.rstrip())
    return not any(map(str.isalnum, text)) or bool(_SHELL_TRACE.match(text) or is_prompt or is_progress)


def find_trace_prefix(lines: Sequence[str]) -> re.Pattern[str] | None:
    """Return what this output's `PS4` puts before traced commands, if the last line traces the `exit` of a script."""
    match = _EXIT_COMMAND.fullmatch(lines[-1]) if lines else None
    if match is None or _ERROR_WORD.search(match["prefix"]):
        return None
    prefix = re.sub(r"\d+", "0", match["prefix"])
    first, pattern = prefix[0], re.escape(prefix[1:]).replace("0", r"\d+")
    # The shell repeats the first character of PS4 in subshells. Line numbers, times and function names change.
    return re.compile((r"\d+" if first == "0" else re.escape(first) + "+") + pattern)


class StackFrames:
    """Tells the frames of stack traces, and the properties that Node prints after them, from other lines."""

    def __init__(self) -> None:
        self._is_in_object = self._is_in_goroutine = False

    def contains(self, text: str) -> bool:
        """Return whether the next line of the output is part of a stack trace."""
        if self._is_in_object:
            self._is_in_object = text.strip() != "}" or text[0].isspace()
            return not text.lstrip().startswith("[cause]:")
        if _FRAME.fullmatch(text):
            self._is_in_object = text.endswith("{")
            self._is_in_goroutine = self._is_in_goroutine or text.startswith("goroutine ")
            return True
        self._is_in_goroutine = self._is_in_goroutine and _GO_FUNCTION.fullmatch(text) is not None
        return self._is_in_goroutine
