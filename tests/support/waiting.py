"""Waiting for a condition."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return once the condition holds. Raise TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def wait_for(condition: Callable[[], Any], seconds: float, describe: Callable[[], str] = lambda: "") -> Any:
    """Return the first true value of the condition. Fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s\n{describe()}"
        time.sleep(0.05)
    return found


async def eventually_finds(find: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """Return the first true value that `find` returns. Raise TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while not (found := await find()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return found
