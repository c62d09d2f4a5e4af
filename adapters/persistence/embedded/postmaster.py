"""Whether a live postmaster holds a data directory: asked of the process table, because pids are used again."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_NOBODY = 2**22 + 1  # past the largest pid a kernel gives out


def is_server_running(data: Path) -> bool:
    """Whether the process that the lock file names is alive and is a PostgreSQL server of `data`."""
    pid = _recorded_pid(data / "postmaster.pid")
    return pid is not None and _serves(pid, data)


def clear_stale_pids(data: Path, socket: Path) -> None:
    """Take the name of a process that is no server of `data` out of the lock files.

    PostgreSQL finds a dead owner itself, but refuses to start when the pid was given to another process of the same user, as
    happens in containers. Only the pid is changed: the rest lets it see that sessions of a killed server still hold its memory.
    """
    for lock in (data / "postmaster.pid", socket.with_name(socket.name + ".lock")):
        pid = _recorded_pid(lock)
        if pid is not None and _alive(pid) and not _serves(pid, data):
            _, rest = lock.read_text().split("\n", 1)
            lock.write_text(f"{_NOBODY}\n{rest}")


def _serves(pid: int, data: Path) -> bool:
    if not _alive(pid):
        return False
    if not _PROC.is_dir():
        return True  # no way to look closer; PostgreSQL itself refuses if it is so
    try:
        command = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.path.basename(command[0]) == b"postgres" and os.fsencode(data) in command  # noqa: PTH119 (bytes)


def _recorded_pid(lock: Path) -> int | None:
    try:
        return abs(int(lock.read_text().split("\n", 1)[0]))
    except (OSError, ValueError):
        return None


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
