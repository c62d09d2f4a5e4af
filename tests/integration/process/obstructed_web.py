"""Run a web in which something does not end: `python -m tests.integration.process.obstructed_web KIND`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from dependency_injector import providers

from adapters.telemetry.null import NullTelemetry
from entrypoints.container import Application
from entrypoints.http.server import build_application, run_server
from entrypoints.process import logging_config
from entrypoints.settings import Settings

STARTED = "obstructed"
"""Printed once what does not end has begun."""


async def ignore_cancellation() -> NoReturn:
    """Go on after every cancellation."""
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


async def hold_thread() -> None:
    """Leave a thread behind that does not end. asyncio waits for it when its event loop is closed."""
    await asyncio.to_thread(time.sleep, 3600)


async def block_loop() -> None:
    """Hold the event loop when it is cancelled."""
    try:
        await asyncio.Event().wait()
    finally:
        time.sleep(3600)  # noqa: ASYNC251


class ObstructedService:
    """Says when its work begins, because a service that is stopped before that ends at once."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work

    async def run_once(self) -> None:
        print(STARTED, flush=True)
        await self._work()


class ObstructedSink:
    async def close(self) -> None:
        await asyncio.Event().wait()


def obstruct(application: Application, kind: str) -> None:
    """Add a service or an event sink that does not end."""
    services = {"cancellation": ignore_cancellation, "thread": hold_thread, "loop": block_loop}
    if work := services.get(kind):
        application.lifecycle_publishers.override(providers.Object([ObstructedService(work)]))
    else:
        print(STARTED, flush=True)
        application.adapters.event_sinks.override(providers.Object([ObstructedSink()]))
        application.lifecycle_publishers.override(providers.Object([]))


if __name__ == "__main__":
    settings, telemetry = Settings.read(), NullTelemetry()
    logging_config.configure(settings, "web", telemetry)
    application = build_application(settings, telemetry)
    obstruct(application, sys.argv[1])
    run_server(application, settings, telemetry)
