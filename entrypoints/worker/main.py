"""The worker process: wired, started, ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
from typing import Any, Final

from application.ports.telemetry import Telemetry
from entrypoints import guard, logs
from entrypoints.leaving import end_at_once
from entrypoints.settings import Settings
from entrypoints.worker.attempt import Bench
from entrypoints.worker.hosts import Hosts
from entrypoints.worker.link import Identity, Link
from entrypoints.worker.process import surroundings, use_prefect_environment, version, worker_token
from entrypoints.worker.slots import Slots
from entrypoints.worker.worker import Rhythm, Worker

log = logging.getLogger("headgate.worker")

_LAST_WORDS: Final = 1.0
"""Seconds that spans on their way to an agent may take from a stop."""
_IMPORTING: Final = "import"
_ORPHANED: Final = 4.0
"""Seconds to end everything once the parent is gone."""


def serve(settings: Settings, telemetry: Telemetry) -> None:
    """Carry bursts until a SIGTERM or SIGINT, or until the parent process is gone; then drain and return."""
    logs.configure(settings, "worker", telemetry)
    use_prefect_environment(settings)
    try:
        _Process(settings, telemetry).run()
    finally:
        telemetry.flush(_LAST_WORDS)
    if telemetry.is_on or _is_importing():
        end_at_once()


def _is_importing() -> bool:
    """An interpreter that ends while another thread is in the middle of an import may abort."""
    return any(thread.name == _IMPORTING for thread in threading.enumerate())


class _Process:
    """The loop runs in a thread of its own: Prefect's engine takes SIGTERM for itself in the main thread, where ours must rule."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        self._settings = settings
        self._telemetry = telemetry
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: Worker | None = None
        self._leave = asyncio.Event()
        self._failure: BaseException | None = None
        self._told = threading.Event()

    def run(self) -> None:
        """Returns once drained; raises what ended the loop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._end())
        guard.end_with_parent(self._orphaned)
        thread = threading.Thread(target=self._run_loop, name="worker")
        thread.start()
        thread.join()
        if self._failure is not None:
            raise self._failure

    def _end(self) -> None:
        """The first signal drains; a second of SIGINT, from a person who will not wait, ends at once: the host kills what runs."""
        if self._told.is_set():
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._told.set()
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._leave.set)

    def _orphaned(self) -> None:
        log.warning("The parent process is gone: ending.")
        self._end()
        if self._loop is not None and self._worker is not None:
            self._loop.call_soon_threadsafe(self._worker.hurry)
        threading.Timer(_ORPHANED, os._exit, (1,)).start()

    def _run_loop(self) -> None:
        try:
            asyncio.run(self._work())
        except BaseException as failure:
            self._failure = failure

    async def _work(self) -> None:
        settings = self._settings
        self._loop = asyncio.get_running_loop()
        identity = Identity(settings.worker_name, settings.pool, settings.worker_slots, version())
        link = Link(settings.public_url, worker_token(settings), identity)
        bench = Bench(Hosts(), link, surroundings(settings), settings.cancel_grace_seconds, self._telemetry, settings.forward_stage_logs)
        await bench.hosts.ready()
        rhythm = Rhythm(settings.heartbeat_seconds, settings.lease_seconds, settings.drain_seconds)
        worker = self._worker = Worker(bench, Slots(settings.worker_slots), rhythm)
        if self._told.is_set():
            self._leave.set()
        beside = asyncio.create_task(_beside(settings, worker, link))
        try:
            await worker.run(self._leave)
        finally:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
            await bench.hosts.close()
            await link.close()


async def _beside(settings: Settings, worker: Worker, link: Link) -> None:
    """Prefect's part, once the link is up: its import takes seconds, so it happens in a thread and never before the first work."""
    if settings.prefect_api_url is None:
        return
    await worker.linked.wait()
    usual = sys.getswitchinterval()
    # An import holds the interpreter in long stretches; with a short interval the loop still gets its turn.
    sys.setswitchinterval(0.0005)
    try:
        module: Any = await _imported("entrypoints.worker.prefect_life")
    finally:
        sys.setswitchinterval(usual)
    logs.adopt("prefect")
    await module.live(settings, worker, link)


async def _imported(name: str) -> Any:
    """The module, imported by a thread that a worker which is told to end meanwhile does not wait for."""
    loop = asyncio.get_running_loop()
    imported: asyncio.Future[Any] = loop.create_future()

    def settle(module: Any, error: BaseException | None) -> None:
        if imported.cancelled():
            return
        if error is None:
            imported.set_result(module)
        else:
            imported.set_exception(error)

    def work() -> None:
        module, failure = None, None
        try:
            module = importlib.import_module(name)
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, module, failure)

    threading.Thread(target=work, name=_IMPORTING, daemon=True).start()
    return await imported
