"""Runs the programs of the installation. Their output goes to a file; their last error becomes one line."""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LOG = "install.log"
_ERROR = re.compile(r"^\s*(?:error|fatal|Fatal Python error|Caused by|cause|[×╰▶─> ]*[×╰▶─>])\s*:?\s+", re.IGNORECASE)
_FULL_DISK = re.compile(r"No space left on device|Disk quota exceeded|os error 28|os error 122|Errno 28|Errno 122")
_FOLDER_VARIABLES = ("TMPDIR", "UV_CACHE_DIR")
_MAX_REASON = 300


class InstallationError(Exception):
    """The installation cannot continue. The message is one line that says what to do."""


class FullDiskError(InstallationError):
    """A disk has no space left."""


def run(argv: Sequence[str | Path], environment: Mapping[str, str], venv: Path, doing: str, cwd: Path | None = None) -> None:
    """Run a program and append its output to the log in the virtual environment.

    Raise InstallationError if the program fails. `doing` completes the sentence "Headgate could not …".
    """
    try:
        done = subprocess.run(
            [str(part) for part in argv],
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise file_error(error, venv, doing) from None
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode:
        kind = FullDiskError if _FULL_DISK.search(output) else InstallationError
        raise kind(f"Headgate could not {doing}: {describe_failure(output, *find_fullest(venv, environment))}{_write_log(venv, output)}")


def describe_failure(output: str, folder: Path, variable: str = "VENV") -> str:
    """Return the reason for a failure from a program's output, in one line.

    If a disk is full, it is that of `folder`, and setting `variable` to another folder helps.
    """
    if _FULL_DISK.search(output):
        advice = f"free some, or set {variable} to a folder on another disk"
        return f"no space is left on the disk that holds {folder}, and 1 GB is needed; {advice}"
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [_ERROR.sub("", line).strip() for line in lines if _ERROR.match(line)]
    reason = ": ".join(dict.fromkeys([*errors[:1], *errors[-1:]])) if errors else "".join(lines[-1:]).strip()
    return reason[:_MAX_REASON] or "the program printed no reason"


def find_fullest(venv: Path, environment: Mapping[str, str]) -> tuple[Path, str]:
    """Return the folder whose disk has the least space left, of those that an installation writes to, and the variable that sets it."""
    folders = {"VENV": venv} | {name: Path(environment[name]) for name in _FOLDER_VARIABLES if environment.get(name)}
    variable = min(folders, key=lambda name: shutil.disk_usage(folders[name]).free if folders[name].exists() else sys.maxsize)
    return folders[variable], variable


def file_error(error: OSError, venv: Path, doing: str) -> InstallationError:
    """Return the error for a file that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FullDiskError(f"Headgate could not {doing}: {describe_failure('No space left on device', venv)}")
    where = error.filename or venv
    return InstallationError(f"Headgate could not {doing}: {where}: {error.strerror}; set VENV to a folder that you can write to")


def _write_log(venv: Path, output: str) -> str:
    """Append the whole output to a file beside the packages and return the end of the message, or an empty text if that is not possible."""
    log = venv / LOG
    try:
        with log.open("a", encoding="utf-8", errors="replace") as file:
            file.write(output)
    except OSError:
        return ""
    return f" (all output: {log})"
