"""A stream from a web process to a worker or a viewer. It keeps order until it breaks; each end notices later."""

import asyncio
from contextvars import Context
from typing import Generic, TypeVar

from tests.simulation.runtime.network import Network

T = TypeVar("T")

NOTICED_WITHIN = 20.0
"""The longest time in seconds until an end notices, as pings come every 10 s."""


class SimulatedStream(Generic[T]):
    """The reader gets EOFError at the end. Messages sent into a broken stream are lost silently."""

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
        """Close the stream properly from the server's end."""
        self._put(None)

    def cut(self, noticed: float = NOTICED_WITHIN / 2) -> None:
        """Break the stream; both ends notice later."""
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
            # A message in transit belongs to no process: it arrives, in order, even if its sender freezes.
            loop.call_at(self._arrives, self._queue.put_nowait, item, context=Context())
