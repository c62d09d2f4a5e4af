"""One open stream from a web process to a worker or a viewer: in order, until it breaks; each end notices in its own time."""

import asyncio
from contextvars import Context
from typing import Generic, TypeVar

from tests.simulation.runtime.network import Network

T = TypeVar("T")

NOTICED_WITHIN = 20.0
"""Seconds: pings come every 10."""


class SimulatedStream(Generic[T]):
    """The reader gets EOFError at the end. What is sent into a broken line is lost without a word."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._queue: asyncio.Queue[tuple[T] | None] = asyncio.Queue()
        self._is_broken = False
        self._arrives = 0.0
        self.server: asyncio.Task[None] | None = None

    def send(self, message: T) -> None:
        if self._network.breaks():
            self.cut()
        self._put((message,))

    def end(self) -> None:
        """The server's end closes in order."""
        self._put(None)

    def cut(self, noticed: float = NOTICED_WITHIN / 2) -> None:
        """Nothing passes any more; both ends learn of it later."""
        if not self._is_broken:
            self._is_broken = True
            loop = asyncio.get_running_loop()
            loop.call_later(noticed, self._queue.put_nowait, None)
            if self.server is not None:
                loop.call_later(noticed / 3, self.server.cancel)

    async def next(self) -> T:
        item = await self._queue.get()
        if item is None:
            raise EOFError
        return item[0]

    def _put(self, item: tuple[T] | None) -> None:
        if not self._is_broken:
            loop = asyncio.get_running_loop()
            self._arrives = max(self._arrives + 1e-6, loop.time() + self._network.delay())
            # Of no process: what is on its way goes on, in order, when the sender is frozen.
            loop.call_at(self._arrives, self._queue.put_nowait, item, context=Context())
