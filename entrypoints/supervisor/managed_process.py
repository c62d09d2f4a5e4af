"""A process that `headgate up` keeps running: started with a pipe to its parent, started again when it dies, stopped in time."""

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

Say = Callable[[str], None]

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 15.0
_STEADY_SECONDS = 30.0  # who lived that long is started again without a growing delay
_LOG_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run. `log` takes its output (else the terminal does); `guarded` says that its group ends with it."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    stop_seconds: float
    log: Path | None = None
    guarded: bool = False


class ManagedProcess:
    """One process kept alive. It gets a session of its own, so that the terminal's Ctrl-C reaches only `up`."""

    def __init__(self, spec: ProcessSpec, parent_fd: int, say: Say) -> None:
        self.spec = spec
        self._parent_fd = parent_fd
        self._say = say
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it, and again whenever it ends, until stop()."""
        self._keeper = asyncio.create_task(self._keep(), name=self.spec.name)

    async def stop(self, hurry: asyncio.Event) -> None:
        """TERM, then KILL after the seconds its spec gives or as soon as `hurry` is set. Returns when it is gone."""
        if self._keeper is not None:
            self._keeper.cancel()  # first, or it would start again what is being ended
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._process is not None and self._process.returncode is None:
            self._signal(signal.SIGTERM)
            gone, hurried = asyncio.create_task(self._process.wait()), asyncio.create_task(hurry.wait())
            await asyncio.wait({gone, hurried}, timeout=self.spec.stop_seconds, return_when=asyncio.FIRST_COMPLETED)
            hurried.cancel()
            if not gone.done():
                self._say(f"{self.spec.name} does not end: killed")
                self._signal(signal.SIGKILL)
            await gone
        self._clear_group()

    async def _keep(self) -> None:
        delay = _FIRST_DELAY
        while True:
            began = time.monotonic()
            self._process = await self._spawn()
            code = await self._process.wait()
            self._clear_group()
            delay = _FIRST_DELAY if time.monotonic() - began > _STEADY_SECONDS else delay
            self._say(f"{self.spec.name} {_ending(code)}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)

    async def _spawn(self) -> Process:
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(_appending(self.spec.log)) if self.spec.log else None
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

    def _clear_group(self) -> None:
        """Kill what a guard that was itself killed left behind; its group bears its pid."""
        if self.spec.guarded and self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _appending(log: Path) -> Iterator[int]:
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _ending(code: int) -> str:
    return f"ended with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
