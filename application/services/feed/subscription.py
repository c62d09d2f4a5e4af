"""TODO."""

import asyncio
from collections import deque

from application.ports.queries.change_feed import ChangeBatch

MAX_BUFFERED_BATCHES = 256


class Subscription:
    """Batches in order. A reader too slow for the buffer is ended (`lagged`) and resumes from its cursor.

    One timer a reader, set anew only when it rings: with a thousand readers and a hundred batches a second, a timer for each wait is
    what would cost most.
    """

    def __init__(self) -> None:
        self._batches: deque[ChangeBatch] = deque()
        self._waiter: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._until = self._rings_at = 0.0
        self.is_ended = False
        self._begins: str | None = None
        self._placed = asyncio.Event()

    def set_start_cursor(self, cursor: str) -> None:
        """Its first batch begins here."""
        if self._begins is None:
            self._begins = cursor
            self._placed.set()

    async def wait_for_start_cursor(self) -> str:
        """Where its first batch begins, known once the feed is read: its own place, whatever was published since. EOFError once ended."""
        await self._placed.wait()
        if self._begins is None:
            raise EOFError("the process stops")
        return self._begins

    @property
    def waiting(self) -> int:
        return len(self._batches)

    def append(self, batch: ChangeBatch) -> None:
        if self.is_ended:
            return
        if len(self._batches) < MAX_BUFFERED_BATCHES:
            self._batches.append(batch)
            self._wake(True)
        else:
            self.end()

    def end(self) -> None:
        """Wake the reader and have it end: it was too slow, or this process stops."""
        self.is_ended = True
        self._placed.set()
        self._wake(True)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def next_batch(self, seconds: float) -> ChangeBatch | None:
        """The next batch; None when none came within `seconds` (time for a heartbeat). EOFError once it was ended."""
        if not self._batches and not self.is_ended and not await self._something(seconds):
            return None
        if self.is_ended:
            raise EOFError("this reader was too slow, or the process stops")
        return self._batches.popleft()

    async def _something(self, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        self._waiter, self._until = loop.create_future(), loop.time() + seconds
        if self._timer is None or self._rings_at > self._until:
            self._ring_at(self._until)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _ring_at(self, when: float) -> None:
        self.close()
        self._timer, self._rings_at = asyncio.get_running_loop().call_at(when, self._ring), when

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if asyncio.get_running_loop().time() >= self._until:
            self._wake(False)
        else:
            self._ring_at(self._until)

    def _wake(self, there_is_something: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(there_is_something)
