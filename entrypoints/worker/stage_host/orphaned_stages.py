"""Ends the processes of stages that outlived their worker, because the worker and its stage host were killed at once.

The kernel ends a stage's first process with its host. This module finds the others by the mark in their environment, by their session and
by their parents. It needs /proc; without it nothing is found.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from entrypoints.worker.stage_host.processes import ProcessStat, kill, list_processes, read_stat
from entrypoints.worker.stage_host.protocol import MARK_LENGTH, MARK_NAME, WORKER_PID_NAME

ORPHAN_GRACE: Final = 2.0
"""Seconds between TERM and KILL."""

_KILL_SECONDS: Final = 5.0
"""Seconds in which killed processes have to disappear."""
_SCAN_INTERVAL: Final = 0.02
_HOST_TOKEN: Final = MARK_LENGTH * 2 // 3
_HOST_NUMBER: Final = "0" * (MARK_LENGTH - _HOST_TOKEN)

Identity = tuple[int, int]
"""A process id, and the time at which that process started, in clock ticks."""


@dataclass(frozen=True, slots=True)
class MarkedProcess:
    """A living process. `mark` is empty if it has none, or if this user cannot read it."""

    pid: int
    name: str
    parent: int
    session: int
    started: int
    mark: str
    worker_pid: int

    @property
    def identity(self) -> Identity:
        return self.pid, self.started

    @property
    def host_token(self) -> str:
        """The part of the mark that all processes of one stage host share."""
        return self.mark[:_HOST_TOKEN]

    @property
    def is_serving_host(self) -> bool:
        """True if this is a stage host whose worker is alive."""
        return self.mark.endswith(_HOST_NUMBER) and self.parent == self.worker_pid


class OrphanFinder:
    """Finds what earlier lives of one worker left running. Never returns a process of a stage host whose worker is alive."""

    def __init__(self, worker_id: str) -> None:
        self._worker_id = worker_id
        self._found: set[Identity] = set()
        self._sessions: set[int] = set()

    def find(self) -> list[MarkedProcess]:
        """List the orphans that are alive: those with a mark of an earlier life, and those without a mark that belong to them.

        A process belongs to an orphan if it is in the same session or descends from it, now or in an earlier call.
        """
        processes = {process.pid: process for process in read_processes()}
        protected = self._get_protected_tokens(processes)
        marked = [one for one in processes.values() if one.mark.startswith(self._worker_id) and one.host_token not in protected]
        self._sessions |= {one.session for one in marked if one.session}
        self._found |= {one.identity for one in marked}
        own = {os.getpid(), *_get_ancestors(os.getpid(), processes)}
        for one in processes.values():
            if not one.mark and one.pid not in own and self._belongs_to_orphan(one, processes):
                self._found.add(one.identity)
        return [one for one in processes.values() if one.identity in self._found]

    def _get_protected_tokens(self, processes: dict[int, MarkedProcess]) -> set[str]:
        protected = {one.host_token for one in processes.values() if one.is_serving_host}
        # This worker may have been started by a stage itself, and must not end its own surroundings.
        own = processes.get(os.getpid())
        return protected | ({own.host_token} if own is not None and own.mark else set())

    def _belongs_to_orphan(self, process: MarkedProcess, processes: dict[int, MarkedProcess]) -> bool:
        if process.session in self._sessions:
            return True
        ancestors = (processes.get(pid) for pid in _get_ancestors(process.pid, processes))
        return any(ancestor is not None and ancestor.identity in self._found for ancestor in ancestors)


def end_orphaned_stages(worker_id: str, grace: float = ORPHAN_GRACE) -> list[MarkedProcess]:
    """End every process that an earlier life of this worker left: TERM, and KILL after `grace` seconds. Return those that were found.

    A process that cannot be killed (uninterruptible I/O) is left after some seconds.
    """
    finder = OrphanFinder(worker_id)
    seen: dict[Identity, MarkedProcess] = {}
    deadline = time.monotonic() + grace
    while (left := finder.find()) and time.monotonic() < deadline + _KILL_SECONDS:
        if time.monotonic() < deadline:
            _request_end(one.pid for one in left if one.identity not in seen)
        else:
            kill(one.pid for one in left)
        seen |= {one.identity: one for one in left}
        time.sleep(_SCAN_INTERVAL)
    return list(seen.values())


def _request_end(pids: Iterable[int]) -> None:
    for pid in pids:
        kill([pid], signal.SIGTERM)
        # A stopped process handles the signal only after it continues.
        kill([pid], signal.SIGCONT)


def read_processes() -> Iterator[MarkedProcess]:
    """Yield the living processes."""
    for pid in list_processes():
        if (stat := read_stat(pid)) is not None and stat.is_alive:
            yield _describe(pid, stat)


def _describe(pid: int, stat: ProcessStat) -> MarkedProcess:
    environment = _read_own_environment(Path("/proc", str(pid)))
    mark, worker_pid = environment.get(MARK_NAME, ""), environment.get(WORKER_PID_NAME, "")
    return MarkedProcess(
        pid=pid,
        name=stat.name,
        parent=stat.parent,
        session=stat.session,
        started=stat.started,
        mark=mark if len(mark) == MARK_LENGTH else "",
        worker_pid=int(worker_pid) if worker_pid.isdecimal() else 0,
    )


def _read_own_environment(folder: Path) -> dict[str, str]:
    """Return the variables with which a process of this user was started; empty for another user's process."""
    try:
        if folder.stat().st_uid != os.geteuid():
            return {}
        items = (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return {}
    wanted = (MARK_NAME, WORKER_PID_NAME)
    pairs = (item.decode("utf-8", "replace").partition("=") for item in items if item.startswith(b"HEADGATE_"))
    return {name: value for name, _, value in pairs if name in wanted}


def _get_ancestors(pid: int, processes: dict[int, MarkedProcess]) -> list[int]:
    found: list[int] = []
    while pid in processes and (parent := processes[pid].parent) not in found and parent:
        found.append(parent)
        pid = parent
    return found
