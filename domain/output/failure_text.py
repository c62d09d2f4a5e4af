"""The error message of an attempt whose process failed: how the process ended, and the line of its output that says why."""

from __future__ import annotations

import re
import signal
from typing import Final

_MAX_REASON: Final = 300
_EXIT: Final = re.compile(r"(?:Exited with code -?\d+|Killed by signal \d+(?: \(\w+\))?)\. (?=\S)")


def describe_exit(code: int | None, number: int | None) -> str:
    """Return a sentence such as `Exited with code 3.` or `Killed by signal 9 (SIGKILL).`"""
    if number is None:
        return f"Exited with code {code}."
    try:
        return f"Killed by signal {number} ({signal.Signals(number).name})."
    except ValueError:
        return f"Killed by signal {number}."


def describe_failure(code: int | None, number: int | None, reason: str) -> str:
    """Return how a process ended, and the reason that its output gives, if there is one."""
    exit = describe_exit(code, number)
    return f"{exit} {reason.strip()[:_MAX_REASON]}" if reason else exit


def get_quoted_line(message: str) -> str:
    """Return the line of the output that the message quotes: its first line, without how the process ended."""
    line = next(iter(message.strip().splitlines()), "")
    return _EXIT.sub("", line, count=1).strip() if _EXIT.match(line) else line
