"""Runs a service for the life of a process: the loop, the sleep and the wake-up live here, so that a test can step `run_once`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from domain.errors import Unavailable


class Service(Protocol):
    async def run_once(self) -> None: ...


Wait = Callable[[], Awaitable[None]]
ReportError = Callable[[str, Exception], None]


def wait_seconds(seconds: float) -> Wait:
    async def wait() -> None:
        await asyncio.sleep(seconds)

    return wait


async def no_wait() -> None:
    """For services that wait inside `run_once`."""


async def run_service(service: Service, wait: Wait, report_error: ReportError) -> None:
    """Wait, run, repeat, until cancelled. A pass that fails is complained of and tried again, after 0.1 s growing to 5 s."""
    pause = 0.1
    while True:
        try:
            await wait()
            await service.run_once()
            pause = 0.1
        except Unavailable as error:
            report_error(type(service).__name__, error)
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 2)
        except Exception as error:  # a defect in one pass must not end the service for good
            report_error(type(service).__name__, error)
            await asyncio.sleep(pause)
            pause = min(5.0, pause * 2)


async def run_all(loops: list[Awaitable[None]], until: asyncio.Event) -> None:
    """Run the loops until the event is set, then end them."""
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    await until.wait()
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
