"""Find the descendants of a process, and processes with a mark, through /proc. Standard library only.

Without /proc nothing is found, and only a stage's process group can be ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_SET_PDEATHSIG, _SET_NAME, _SET_CHILD_SUBREAPER = 1, 15, 36

libc = ctypes.CDLL(None)


def become_subreaper() -> None:
    """Adopt every orphan below this process, so that none escapes. Does nothing outside Linux."""
    if sys.platform == "linux":
        libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reset_signals() -> None:
    """Give this process the signals of a login shell: each with its default action, none blocked.

    A process inherits ignored signals, so those that the host or the worker (by nohup, for one) ignores would be ignored by the stage too.
    """
    for number in find_changed_signals():
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@functools.cache
def find_changed_signals() -> tuple[int, ...]:
    """Return the signals that this process, the host, handles or ignores. It changes them only before it starts a stage."""
    return tuple(number for number in signal.valid_signals() if signal.getsignal(number) is not signal.SIG_DFL and _is_resettable(number))


def _is_resettable(number: int) -> bool:
    try:
        signal.signal(number, signal.getsignal(number))
    except (OSError, TypeError, ValueError):  # KILL and STOP, and those that the C library keeps to itself
        return False
    return True


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent dies, and exit now if that has happened. Only exits outside Linux."""
    if sys.platform == "linux":
        libc.prctl(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(127)


def set_process_name(name: str) -> None:
    """Set the name that ps and top show (15 bytes)."""
    if sys.platform == "linux":
        libc.prctl(_SET_NAME, name.encode()[:15], 0, 0, 0)


def get_children(pid: int) -> list[int]:
    """List the living and unreaped children of a process; empty if it is gone."""
    found: list[int] = []
    try:
        for thread in os.scandir(f"/proc/{pid}/task"):
            with contextlib.suppress(ProcessLookupError):
                found += map(int, Path(thread.path, "children").read_bytes().split())
    except FileNotFoundError:
        return [] if not Path("/proc/self/stat").exists() else _scan_children(pid)
    return found


def get_descendants(pid: int) -> list[int]:
    """List all descendants of a process, parents before their children."""
    found = get_children(pid)
    for child in found:
        found += get_children(child)
    return found


def has_mark(pid: int, mark: bytes) -> bool:
    """True if the process was started with this mark in its environment."""
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


class ProcessStat(NamedTuple):
    """A process in /proc. `started` is in clock ticks since the boot; `name` is the command name, at most 15 bytes."""

    name: str
    is_alive: bool
    parent: int
    session: int
    started: int


def read_stat(pid: int) -> ProcessStat | None:
    """Return what the kernel says about a process; None if it is gone. One that only waits to be reaped is not alive."""
    try:
        before, _, after = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")
    except OSError:
        return None
    state, parent, _, session, *rest = after.split()
    name = before.partition(b"(")[2].decode("utf-8", "replace")
    return ProcessStat(name, state not in (b"Z", b"X"), int(parent), int(session), int(rest[15]))


def list_processes() -> Iterator[int]:
    """Yield the ids of all visible processes."""
    with contextlib.suppress(FileNotFoundError):
        yield from (int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit())


def kill(pids: Iterable[int], sign: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to each process. A process that has ended already is skipped."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, sign)


def kill_group(group: int, sign: signal.Signals) -> None:
    """Send a signal to a process group, or to its leader if the group does not exist yet."""
    try:
        os.killpg(group, sign)
    except ProcessLookupError:
        kill([group], sign)
    except PermissionError:
        return


def is_in_group(pid: int, leader: int) -> bool:
    """True if the process is in the group or the session of this leader."""
    try:
        return leader in (os.getpgid(pid), os.getsid(pid))
    except (ProcessLookupError, PermissionError):
        return False


def _scan_children(pid: int) -> list[int]:
    """List the children by reading every process, for kernels without CONFIG_PROC_CHILDREN."""
    stats = ((candidate, read_stat(candidate)) for candidate in list_processes())
    return [candidate for candidate, stat in stats if stat is not None and stat.parent == pid]
