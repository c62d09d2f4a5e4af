"""The one line that says what an incident is about, such as `failed at fact-orders: UniqueViolation`."""

import re
from datetime import datetime
from typing import Final

MAX_ERROR: Final = 100
MAX_SUMMARY: Final = 300
_ENDINGS: Final = "Error|Exception|Violation|Timeout|Warning|Failure|Exit|Interrupt"
_EXIT: Final = re.compile(r"(?:Exited with code \d+|Killed by signal \d+(?: \(\w+\))?)\.\s+(?=\S)")
"""What a worker writes before the last line of a command's output."""
_EXCEPTION: Final = re.compile(rf"(?:[A-Za-z_]\w*\.)*([A-Z]\w*(?:{_ENDINGS}))(?:: |:?$)")


def describe_failure(verb: str, stage: str | None, error_message: str | None) -> str:
    """Return a line such as `failed at load: ValueError`. `verb` is what happened."""
    text = f"{verb} at {stage}" if stage else verb
    error = shorten_error(error_message)
    return _cut(f"{text}: {error}" if error else text, MAX_SUMMARY)


def describe_missed(due_at: datetime) -> str:
    return f"did not start for {due_at:%Y-%m-%d %H:%M} UTC"


def shorten_error(error_message: str | None) -> str:
    """Return the name of the exception that the first line of an error names, or else the line, without the exit code before it."""
    line = next((line.strip() for line in (error_message or "").splitlines() if line.strip()), "")
    line = _EXIT.sub("", line, count=1) if _EXIT.match(line) else line
    named = _EXCEPTION.match(line)
    return named.group(1) if named else _cut(line.rstrip("."), MAX_ERROR)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
