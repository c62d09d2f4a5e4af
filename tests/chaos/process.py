"""A process of the stack that can be killed, paused and restarted on its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.chaos import skewed_clock
from tests.support import forked_commands
from tests.support.forked_process import ForkedProcess


class Process:
    """Runs in its own session. It holds the stack's pipe, so that it ends when the test process ends."""

    def __init__(self, name: str, argv: Sequence[str], environment: Mapping[str, str], log: Path, parent_fd: int) -> None:
        self.name = name
        self.environment = dict(environment)
        self._argv, self._log, self._parent_fd = list(argv), log, parent_fd
        self._popen: subprocess.Popen[bytes] | ForkedProcess | None = None

    @property
    def pid(self) -> int:
        assert self._popen is not None, f"{self.name} was not started"
        return self._popen.pid

    @property
    def is_alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def start(self, **more: str) -> None:
        """Start the process unless it is running. `more` is added to its environment for this start."""
        if self.is_alive:
            return
        environment = {**self.environment, **more, "HEADGATE_PARENT_FD": str(self._parent_fd)}
        with self._log.open("ab") as log:
            self._popen = self._launch(environment, log)

    def _launch(self, environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes] | ForkedProcess:
        return subprocess.Popen(
            self._argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(self._parent_fd,),
            start_new_session=True,
        )

    def signal(self, number: signal.Signals) -> None:
        if self.is_alive:
            send(self.pid, number)

    def kill(self) -> None:
        """Send KILL and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self.wait(10)

    def terminate(self, seconds: float) -> int:
        """Send TERM and return the exit code. Fail after `seconds`."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds: float) -> int:
        assert self._popen is not None
        return self._popen.wait(seconds)

    def end(self) -> None:
        """Kill the process and its whole session, in whatever state it is."""
        if self._popen is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(10)

    def read_log(self, size: int = 3_000) -> str:
        return self._log.read_text(errors="replace")[-size:] if self._log.exists() else ""


class HeadgateProcess(Process):
    """A `headgate` command. `argv` are its arguments. It can have a wrong clock."""

    def _launch(self, environment: Mapping[str, str], log: IO[bytes]) -> ForkedProcess:
        return ForkedProcess(self._argv, environment, log, self._parent_fd, program=get_program(environment))


def get_program(environment: Mapping[str, str]) -> str:
    """Return the program of the server of commands for a process with this environment."""
    return skewed_clock.PROGRAM if skewed_clock.VARIABLE in environment else forked_commands.PROGRAM


def send(pid: int, number: signal.Signals) -> bool:
    """Send a signal. Return False if the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def list_children(pid: int) -> list[int]:
    """Return the pids of the living child processes, oldest first."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(folder.name))
    return sorted(found)


def wait_until_gone(pid: int, seconds: float) -> bool:
    """Wait until no process has this id; a zombie does not count. Return False after `seconds`."""
    deadline = time.monotonic() + seconds
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
