"""The worker process: wired, started, ended in order."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.metadata
import logging
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from adapters.orchestration.server import client_environment
from adapters.system.tokens import HmacTokens
from entrypoints import guard
from entrypoints.settings import Settings
from entrypoints.worker.attempt import Bench
from entrypoints.worker.hosts import Hosts
from entrypoints.worker.link import Identity, Link
from entrypoints.worker.slots import Slots
from entrypoints.worker.worker import Rhythm, Worker
from entrypoints.worker.world import Surroundings

log = logging.getLogger("headgate.worker")

_DRAIN: Final = 20.0
_ORPHANED: Final = 4.0
"""Seconds to end everything once the parent is gone."""


def serve(settings: Settings) -> None:
    """Carry bursts until a SIGTERM or SIGINT, or until the parent process is gone; then drain and return."""
    logging.basicConfig(level=settings.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    use_prefect_environment(settings)
    asyncio.run(_work(settings))


def use_prefect_environment(settings: Settings) -> None:
    """Give this process the environment of a Prefect client. Prefect reads it at its import, so before that."""
    if settings.prefect_api_url is None:
        return
    auth = settings.prefect_api_auth_string.get_secret_value() if settings.prefect_api_auth_string else None
    environment = client_environment(settings.home, settings.prefect_api_url, auth, os.environ)
    os.environ.clear()
    os.environ.update(environment)


def worker_token(settings: Settings, environment: Mapping[str, str] = os.environ) -> str:
    """HEADGATE_WORKER_TOKEN where it is given, as on another machine; else made with the secret of this one."""
    given = environment.get("HEADGATE_WORKER_TOKEN")
    return given or HmacTokens(settings.secret_key().encode()).for_worker()


def surroundings(settings: Settings) -> Surroundings:
    return Surroundings(Path(settings.workdir), Path(settings.home) / "runs", dict(os.environ))


def version() -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("headgate")
    return ""


async def _work(settings: Settings) -> None:
    leave, loop = asyncio.Event(), asyncio.get_running_loop()
    identity = Identity(settings.worker_name, settings.pool, settings.worker_slots, version())
    link = Link(settings.public_url, worker_token(settings), identity)
    bench = Bench(Hosts(), link, surroundings(settings), settings.cancel_grace_seconds)
    await bench.hosts.ready()
    drain: float = getattr(settings, "drain_seconds", _DRAIN)
    worker = Worker(bench, Slots(settings.worker_slots), Rhythm(settings.heartbeat_seconds, settings.lease_seconds, drain))
    _end_on_signals(loop, leave)
    guard.end_with_parent(lambda: loop.call_soon_threadsafe(_orphaned, loop, worker, leave))
    beside = asyncio.create_task(_beside(settings, worker, link))
    try:
        await worker.run(leave)
    finally:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
        await bench.hosts.close()
        await link.close()


def _end_on_signals(loop: asyncio.AbstractEventLoop, leave: asyncio.Event) -> None:
    """The first signal drains. A second of SIGINT, from a person who will not wait, ends at once: the host kills what runs."""

    def told() -> None:
        if leave.is_set():
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        leave.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)


def _orphaned(loop: asyncio.AbstractEventLoop, worker: Worker, leave: asyncio.Event) -> None:
    log.warning("The parent process is gone: ending.")
    leave.set()
    worker.hurry()
    loop.call_later(_ORPHANED, os._exit, 1)


async def _beside(settings: Settings, worker: Worker, link: Link) -> None:
    """Prefect's part, once the link is up: its import takes seconds, so it happens in a thread and never before the first work."""
    if settings.prefect_api_url is None:
        return
    await worker.linked.wait()
    patient = sys.getswitchinterval()
    # An import holds the interpreter in long stretches; with a short interval the loop still gets its turn.
    sys.setswitchinterval(0.0005)
    try:
        module: Any = await asyncio.to_thread(importlib.import_module, "entrypoints.worker.prefect_life")
    finally:
        sys.setswitchinterval(patient)
    await module.live(settings, worker, link)
