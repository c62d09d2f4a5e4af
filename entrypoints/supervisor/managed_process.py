"""A child process that `headgate up` keeps running: restarted when it dies, stopped within a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from entrypoints.process.parent_watch import PARENT_FD_VARIABLE

Print = Callable[[str], None]

_FIRST_DELAY = 0.5
_MAX_DELAY = 15.0
START_ERROR_CODE = 2
"""The exit code of Headgate's own commands after an error that a restart does not remove: an unusable file, setting or database schema."""
_STEADY_SECONDS = 30.0
"""A process that ran this long is restarted with the first delay again."""
_MAX_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How to run a process.

    `log` is the file for its output; None: the terminal. `has_own_group`: kill its whole process group when it ends.
    `has_start_errors`: it exits with START_ERROR_CODE when a restart would not help.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    stop_seconds: float
    log: Path | None = None
    has_own_group: bool = False
    has_start_errors: bool = False


class ManagedProcess:
    """Keeps one process running. The process has its own session, so that Ctrl-C in the terminal reaches the supervisor only.

    `parent_fd` is the read end of a pipe that closes when the supervisor dies. `on_start_error` is called once, with the process' name, if
    the process has a start error; it is not restarted then.
    """

    def __init__(self, spec: ProcessSpec, parent_fd: int, print_line: Print, on_start_error: Callable[[str], None]) -> None:
        self.spec = spec
        self._parent_fd = parent_fd
        self._print = print_line
        self._on_start_error = on_start_error
        self._process: Process | None = None
        self._restarter: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the process, and restart it whenever it ends, until `stop` or a start error."""
        self._restarter = asyncio.create_task(self._keep_running(), name=self.spec.name)

    async def stop(self, hurry: asyncio.Event) -> None:
        """Send TERM; send KILL after `spec.stop_seconds`, or as soon as `hurry` is set. Return when the process is gone."""
        if self._restarter is not None:
            self._restarter.cancel()  # first, or it would restart the process
            await asyncio.gather(self._restarter, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._signal(signal.SIGTERM)
            exited, hurried = asyncio.create_task(self._process.wait()), asyncio.create_task(hurry.wait())
            await asyncio.wait({exited, hurried}, timeout=self.spec.stop_seconds, return_when=asyncio.FIRST_COMPLETED)
            hurried.cancel()
            if not exited.done():
                self._print(f"{self.spec.name} did not stop in time; killed")
                self._signal(signal.SIGKILL)
            await exited
        self._kill_group()

    async def _keep_running(self) -> None:
        delay = _FIRST_DELAY
        while True:
            started = time.monotonic()
            end = await self._run_once()
            if end is None:
                self._on_start_error(self.spec.name)
                return
            delay = _FIRST_DELAY if time.monotonic() - started > _STEADY_SECONDS else delay
            self._print(f"{self.spec.name} {end}; restarting in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _MAX_DELAY)

    async def _run_once(self) -> str | None:
        """Run the process to its end and return how it ended, or None after a start error."""
        try:
            self._process = await self._spawn()
        except OSError as error:
            return f"cannot be started: {error.strerror}"  # a full disk, or no free process or descriptor: that may pass
        code = await self._process.wait()
        self._kill_group()
        return None if code == START_ERROR_CODE and self.spec.has_start_errors else _describe_exit(code)

    async def _spawn(self) -> Process:
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(_open_log(self.spec.log)) if self.spec.log else None
            return await asyncio.create_subprocess_exec(
                *self.spec.argv,
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
                env={**self.spec.environment, PARENT_FD_VARIABLE: str(self._parent_fd)},
                pass_fds=(self._parent_fd,),
                start_new_session=True,
            )

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _kill_group(self) -> None:
        """Kill what is left in the process group, which has the pid of its first process: that one may have been killed itself."""
        if self.spec.has_own_group and self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _open_log(log: Path) -> Iterator[int]:
    """Yield a descriptor that appends to the log. Move a log over the size limit to `<name>.log.1` first."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _describe_exit(code: int) -> str:
    return f"ended with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
