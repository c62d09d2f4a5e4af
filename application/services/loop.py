"""Runs a background service. The loop and the sleep are here, so that a test can call `run_once` step by step."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol


class Service(Protocol):
    async def run_once(self) -> None: ...


Wait = Callable[[], Awaitable[None]]
ReportError = Callable[[str, Exception], None]
MIN_BACKOFF_SECONDS = 0.1
MAX_BACKOFF_SECONDS = 5.0


def wait_seconds(seconds: float) -> Wait:
    """Return a wait of fixed length."""

    async def wait() -> None:
        await asyncio.sleep(seconds)

    return wait


async def no_wait() -> None:
    """For services that wait inside `run_once`."""


def get_loop_time() -> float:
    """Return the time of the running event loop in seconds. It is monotonic, and a simulation can set it."""
    return asyncio.get_running_loop().time()


async def run_service(service: Service, wait: Wait, report_error: ReportError) -> None:
    """Wait and run the service, until cancelled. After an error, report it and back off before the next pass."""
    backoff = MIN_BACKOFF_SECONDS
    while True:
        try:
            await wait()
            _raise_if_cancelled()
            await service.run_once()
            backoff = MIN_BACKOFF_SECONDS
        except Exception as error:  # an error in one pass must not end the service
            report_error(type(service).__name__, error)
            _raise_if_cancelled()
            await asyncio.sleep(backoff)
            backoff = min(MAX_BACKOFF_SECONDS, backoff * 2)
        _raise_if_cancelled()


def _raise_if_cancelled() -> None:
    """Raise CancelledError if this task was cancelled but a called function caught the error or replaced it with another one."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
