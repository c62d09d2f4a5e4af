"""The tasks of the background services of a web process."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

_REPEAT_SECONDS: Final = 0.5
"""Time between two cancellations of a task. A second one interrupts a cleanup that waits for a server that does not respond."""


class ServiceTasks:
    """Services that run in tasks with their names, until they are stopped."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def stop(self, seconds: float) -> list[str]:
        """Cancel all services, repeatedly until they have ended. Return the names of those that still run after `seconds`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (running := [task for task in self._tasks if not task.done()]) and (remaining := deadline - loop.time()) > 0:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=min(_REPEAT_SECONDS, remaining))
        return [task.get_name() for task in running]
