"""Errors of the embedded server, each with one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

_TAIL_BYTES = 8192


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL server cannot run. The message is one sentence that a person can act on."""


def out_of_space_error(where: Path) -> EmbeddedServerError:
    """Return the error for a full disk."""
    return EmbeddedServerError(f"No space is left on the disk that holds {where}; free some, or set HEADGATE_HOME to another disk.")


def error_from_output(text: str, doing: str, where: Path) -> EmbeddedServerError:
    """Return an error with the last error line of the output. `doing` says what failed."""
    if "No space left on device" in text:
        return out_of_space_error(where)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if any(word in line for word in ("FATAL:", "PANIC:", "error:"))]
    last_line = (errors or lines or ["no output"])[-1]
    return EmbeddedServerError(f"PostgreSQL could not {doing} in {where}: {last_line}")


def read_log_tail(log: Path, since: int) -> str:
    """Return the end of what was written to `log` after byte `since`, at most 8 KiB."""
    with log.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(since, end - _TAIL_BYTES))
        return file.read().decode(errors="replace")
