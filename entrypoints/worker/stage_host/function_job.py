"""Starts the interpreter that a `python` stage names. Standard library only."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from entrypoints.worker.stage_host.protocol import Message

_PROGRAM: Final = str(Path(__file__).with_name("start_function.py"))
_TOLD: Final = ("callable", "cwd", "parameters", "python")


def build_arguments(start: Message, result: int, job: int) -> list[str]:
    """Return the command line. `result` and `job` are descriptors that the interpreter inherits."""
    # The host has UTF-8 mode too, so that functions read files in the same encoding wherever they run.
    return [start["python"], "-X", "utf8", _PROGRAM, str(result), str(job)]


def write_job(start: Message) -> int:
    """Return the descriptor of a file without a name that has what the function needs. Its environment is that of the process."""
    job = {name: start[name] for name in _TOLD} | {"variables": list(start["env"])}
    descriptor = _create_file()
    with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
        json.dump(job, file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def describe_missing_start(python: str, code: int) -> str:
    """Return the reason of a failure whose interpreter ended before it could call the function."""
    return f"{python} did not start as Python 3.8 or newer (exit code {code}): check that this environment works, or create it again."


def _create_file() -> int:
    try:
        return os.memfd_create("headgate-job")
    except (AttributeError, OSError):  # not Linux
        import tempfile  # loading it takes a tenth of the time that the host takes to start

        with tempfile.TemporaryFile() as file:
            return os.dup(file.fileno())
