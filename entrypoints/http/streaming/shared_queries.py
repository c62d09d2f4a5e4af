"""Run a query once for all viewers that ask for it at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any


class SharedQueries:
    """Queries under way, by key."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Any]] = {}

    async def run(self, key: Hashable, query: Callable[[], Awaitable[Any]]) -> Any:
        """Return the query's result, shared with every caller that uses the same key while it runs."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.ensure_future(_call(query))
            task.add_done_callback(lambda done: self._finish(key, done))
        return await asyncio.shield(task)

    def _finish(self, key: Hashable, task: "asyncio.Task[Any]") -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # marks an error as retrieved, even if every caller has left


async def _call(query: Callable[[], Awaitable[Any]]) -> Any:
    return await query()
