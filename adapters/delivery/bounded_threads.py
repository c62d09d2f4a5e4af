"""Runs blocking calls in threads of their own, so that a call that hangs delays neither other work nor the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


class BoundedThreads:
    """Runs at most `limit` calls at once. A caller that gives up leaves its thread running; it counts until it ends."""

    def __init__(self, name: str, limit: int) -> None:
        self._name = name
        self._free = asyncio.Semaphore(limit)

    async def run(self, call: Callable[[], T]) -> T:
        """Return what the call returns, or raise what it raises."""
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, failure: BaseException | None) -> None:
            self._free.release()
            if future.done():
                return
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(cast(T, result))

        def work() -> None:
            result, failure = None, None
            try:
                result = call()
            except BaseException as raised:
                failure = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, result, failure)

        try:
            threading.Thread(target=work, name=self._name, daemon=True).start()
        except RuntimeError:
            self._free.release()
            raise
        return await future
