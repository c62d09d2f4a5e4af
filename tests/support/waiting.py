"""Waiting for a condition.

What is asked costs the servers and the test time, so the pauses grow with the wait: to a tenth of it, and to half a second at most.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

SHORTEST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 0.5


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return once the condition holds. Raise TimeoutError after so many seconds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def wait_for(condition: Callable[[], Any], seconds: float, describe: Callable[[], str] = lambda: "") -> Any:
    """Return the first true value of the condition. Fail after `seconds`."""
    started = time.monotonic()
    while not (found := condition()):
        waited = time.monotonic() - started
        assert waited < seconds, f"not within {seconds:g} s\n{describe()}"
        time.sleep(get_pause(waited))
    return found


async def eventually_finds(find: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """Return the first true value that `find` returns. Raise TimeoutError after so many seconds."""
    started = time.monotonic()
    async with asyncio.timeout(seconds):
        while not (found := await find()):  # noqa: ASYNC110
            await asyncio.sleep(get_pause(time.monotonic() - started))
        return found


def get_pause(waited: float) -> float:
    """Return how many seconds to wait until the condition is checked again."""
    return min(max(SHORTEST_PAUSE, waited / 10), LONGEST_PAUSE)
