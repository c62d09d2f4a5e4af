"""Explains in a sentence why a stage could not be started. Standard library only."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

NOT_FOUND: Final = 127
NOT_RUNNABLE: Final = 126


class StageStartError(Exception):
    """The stage could not be started. `code` is the exit code that a shell would return."""

    def __init__(self, text: str, code: int = NOT_FOUND) -> None:
        super().__init__(text)
        self.code = code


def check_working_directory(folder: str) -> None:
    """Raise StageStartError unless a stage can run in this directory."""
    if not Path(folder).exists():
        raise StageStartError(f"No such working directory: {folder}")
    if not Path(folder).is_dir():
        raise StageStartError(f"The working directory is not a directory: {folder}", NOT_RUNNABLE)
    if not os.access(folder, os.X_OK):
        raise StageStartError(f"No permission for the working directory: {folder}", NOT_RUNNABLE)


def explain_start_failure(program: str, failure: Exception, environment: dict[str, str], folder: str) -> StageStartError:
    """Return the error that explains why the system refused to run a program."""
    if isinstance(failure, (FileNotFoundError, NotADirectoryError)):
        return _not_found(program, environment, folder)
    if isinstance(failure, PermissionError):
        return StageStartError(f"{program} is not an executable file (looked in {folder})", NOT_RUNNABLE)
    number = failure.errno if isinstance(failure, OSError) else None
    if number == errno.ENOEXEC:
        return StageStartError(f"{program} is not a program: it is not a binary and does not begin with #!", NOT_RUNNABLE)
    if number == errno.E2BIG:
        return StageStartError(f"{program} was not started: its arguments and environment are too long together", NOT_RUNNABLE)
    if number in (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE):
        return StageStartError(f"{program} was not started: the machine has no room for another process ({os.strerror(number)})")
    return StageStartError(f"{program} was not started: {failure}", NOT_RUNNABLE)


def _not_found(program: str, environment: dict[str, str], folder: str) -> StageStartError:
    if "/" not in program:
        return StageStartError(f"No such program: {program} (looked in PATH: {environment.get('PATH', os.defpath)})")
    file = Path(folder, program)
    if file.is_file():
        with file.open("rb") as script:
            first = script.readline(200).decode("utf-8", "replace").strip()
        return StageStartError(f"{program} cannot be run: its interpreter does not exist ({first})")
    return StageStartError(f"No such program: {program} (looked in {folder})")
