"""Errors of the embedded server, each with one sentence that says what to do."""

from __future__ import annotations

import contextlib
import errno
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg

FULL_DISK = (errno.ENOSPC, errno.EDQUOT)
"""Numbers of the errors of a disk or a quota that has no space, or no inode, left."""
_NEEDED_BYTES = 200 * 1024 * 1024
"""What a new data directory takes with Headgate's and Prefect's tables and the first transaction logs."""
_TAIL_BYTES = 8192
_UNKNOWN_USER = re.compile(r"(?:could not look up effective user|local user with) ID (\d+)")


class EmbeddedServerError(Exception):
    """The embedded PostgreSQL server cannot run. The message is one sentence that a person can act on."""


def out_of_space_error(where: Path) -> EmbeddedServerError:
    """Return the error for a full disk."""
    return EmbeddedServerError(
        f"No space is left on the disk that holds {where}. Free some space, or set HEADGATE_HOME to a folder on another disk."
    )


def check_free_space(where: Path) -> None:
    """Raise EmbeddedServerError if the disk is too small for a new data directory in `where`."""
    free = shutil.disk_usage(where).free
    if free < _NEEDED_BYTES:
        sizes = f"{_NEEDED_BYTES // 2**20} MB are needed, {free // 2**20} MB are free"
        what = f"No space is left on the disk that holds {where} for a new database ({sizes})"
        raise EmbeddedServerError(f"{what}. Free some space, or set HEADGATE_HOME to a folder on another disk.")


@contextlib.contextmanager
def explain_failures(where: Path) -> Iterator[None]:
    """Turn errors of files and of the database into EmbeddedServerError. `where` is the folder of the server's files."""
    try:
        yield
    except psycopg.errors.DiskFull:
        raise out_of_space_error(where) from None
    except psycopg.Error as error:
        raise EmbeddedServerError(f"PostgreSQL in {where} does not respond as expected: {' '.join(str(error).split())}") from None
    except OSError as error:
        if error.errno in FULL_DISK:
            raise out_of_space_error(where) from None
        what = f"{error.filename or where}: {error.strerror}"
        raise EmbeddedServerError(f"PostgreSQL cannot use its files: {what}; repair it, or set HEADGATE_HOME to another folder.") from None


def error_from_output(text: str, doing: str, where: Path) -> EmbeddedServerError:
    """Return an error with the last error line of the output. `doing` says what failed."""
    if "No space left on device" in text:
        return out_of_space_error(where)
    if unknown := _UNKNOWN_USER.search(text):
        what = f"PostgreSQL needs a user with an entry in the user database, and user {unknown[1]} has none"
        return EmbeddedServerError(f"{what}; run Headgate as another user, or set HEADGATE_DATABASE_URL to a PostgreSQL server.")
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
