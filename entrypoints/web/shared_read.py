"""One read of the store for several views that need the same rows at the same time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedRead(Generic[Result]):
    """A read that callers share until it begins. The state is never older than the call."""

    def __init__(self, read: Callable[[], Awaitable[Result]]) -> None:
        self._read = read
        self._lock = asyncio.Lock()
        self._waiting: asyncio.Task[Result] | None = None

    async def load(self) -> Result:
        """Return what the store has now."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._run())
        return await asyncio.shield(self._waiting)

    async def _run(self) -> Result:
        async with self._lock:
            self._waiting = None
            return await self._read()
