"""What can keep the embedded server from running, said in one sentence each."""

from __future__ import annotations

from pathlib import Path

_TAIL_BYTES = 8192


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL cannot run; the message is one sentence a person can act on."""


def out_of_space_error(where: Path) -> EmbeddedServerError:
    """The disk that holds the data is full."""
    return EmbeddedServerError(f"No space is left on the disk that holds {where}; free some, or set HEADGATE_HOME to another disk.")


def error_from_output(text: str, doing: str, where: Path) -> EmbeddedServerError:
    """The server's own last complaint, cut to one line and put after what was being done."""
    if "No space left on device" in text:
        return out_of_space_error(where)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    complaints = [line for line in lines if any(word in line for word in ("FATAL:", "PANIC:", "error:"))]
    said = (complaints or lines or ["it said nothing"])[-1]
    return EmbeddedServerError(f"PostgreSQL could not {doing} in {where}: {said}")


def read_log_tail(log: Path, since: int) -> str:
    """The end of `log`, of what was written after byte `since`."""
    with log.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(since, end - _TAIL_BYTES))
        return file.read().decode(errors="replace")
