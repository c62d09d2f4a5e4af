"""Finds out from the process table whether a server runs on a data directory: a pid alone may belong to another process."""

from __future__ import annotations

import os
from pathlib import Path

from adapters.persistence.embedded.errors import EmbeddedServerError

_PROC = Path("/proc")
_UNUSED_PID = 2**22 + 1  # above the largest pid of Linux


def is_server_running(data: Path) -> bool:
    """Return True if the process in the lock file is alive and is a PostgreSQL server of `data`."""
    pid = _recorded_pid(data / "postmaster.pid")
    return pid is not None and _serves(pid, data)


def clear_stale_pids(data: Path, socket: Path) -> None:
    """Remove the pid of a process that is not a server of `data` from the lock files.

    PostgreSQL detects a dead owner itself, but does not start if another process of the same user has the pid, which happens in
    containers. Only the pid is changed: the rest tells PostgreSQL whether sessions of a killed server still use its memory.
    """
    for lock in (data / "postmaster.pid", socket.with_name(socket.name + ".lock")):
        pid = _recorded_pid(lock)
        if pid is not None and _alive(pid) and not _serves(pid, data):
            _, _, rest = lock.read_bytes().partition(b"\n")
            lock.write_bytes(b"%d\n%b" % (_UNUSED_PID, rest))


def check_lock_files(data: Path, socket: Path) -> None:
    """Raise EmbeddedServerError if a lock file exists that PostgreSQL cannot read: it would refuse to start."""
    for lock in (data / "postmaster.pid", socket.with_name(socket.name + ".lock")):
        if lock.exists() and _recorded_pid(lock) is None:
            raise EmbeddedServerError(f"The lock file {lock} is damaged: check that no PostgreSQL uses {data}, then remove the file.")


def _serves(pid: int, data: Path) -> bool:
    if not _alive(pid):
        return False
    if not _PROC.is_dir():
        return True  # no process table to check; PostgreSQL itself does not start twice
    try:
        command = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.path.basename(command[0]) == b"postgres" and os.fsencode(data) in command  # noqa: PTH119 (bytes)


def _recorded_pid(lock: Path) -> int | None:
    try:
        pid = abs(int(lock.read_bytes().split(b"\n", 1)[0]))
    except (OSError, ValueError):
        return None
    return pid if 0 < pid <= _UNUSED_PID else None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
