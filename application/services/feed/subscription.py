"""A viewer's queue of change batches."""

import asyncio
from collections import deque

from application.ports.queries.change_feed import ChangeBatch

MAX_BUFFERED_BATCHES = 256


class Subscription:
    """Batches in order, up to MAX_BUFFERED_BATCHES. A reader that falls behind is ended and resumes from its cursor.

    Each subscription has one timer, which is set again only when it fires. With a thousand readers and a hundred batches a second, a new
    timer for every wait would be the largest cost.
    """

    def __init__(self) -> None:
        self._batches: deque[ChangeBatch] = deque()
        self._waiter: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = self._timer_fires_at = 0.0
        self.is_ended = False
        self._start_cursor: str | None = None
        self._start_known = asyncio.Event()

    def set_start_cursor(self, cursor: str) -> None:
        """Set where the first batch starts, unless it is set already."""
        if self._start_cursor is None:
            self._start_cursor = cursor
            self._start_known.set()

    async def wait_for_start_cursor(self) -> str:
        """Return where this subscription's first batch starts, once the feed is being read. EOFError if it was ended."""
        await self._start_known.wait()
        if self._start_cursor is None:
            raise EOFError("the process is stopping")
        return self._start_cursor

    @property
    def unread_count(self) -> int:
        return len(self._batches)

    def append(self, batch: ChangeBatch) -> None:
        if self.is_ended:
            return
        if len(self._batches) < MAX_BUFFERED_BATCHES:
            self._batches.append(batch)
            self._wake_reader(True)
        else:
            self.end()

    def end(self) -> None:
        """End the reader's stream, because it is too slow or the process stops."""
        self.is_ended = True
        self._start_known.set()
        self._wake_reader(True)

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def next_batch(self, seconds: float) -> ChangeBatch | None:
        """Return the next batch; None if none arrived within `seconds`. EOFError if the subscription was ended."""
        if not self._batches and not self.is_ended and not await self._wait(seconds):
            return None
        if self.is_ended:
            raise EOFError("the reader is too slow, or the process is stopping")
        return self._batches.popleft()

    async def _wait(self, seconds: float) -> bool:
        """Return True when a batch arrives or the subscription ends, False after `seconds`."""
        loop = asyncio.get_running_loop()
        self._waiter, self._deadline = loop.create_future(), loop.time() + seconds
        if self._timer is None or self._timer_fires_at > self._deadline:
            self._set_timer(self._deadline)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _set_timer(self, when: float) -> None:
        self.close()
        self._timer, self._timer_fires_at = asyncio.get_running_loop().call_at(when, self._on_timer), when

    def _on_timer(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if asyncio.get_running_loop().time() >= self._deadline:
            self._wake_reader(False)
        else:
            self._set_timer(self._deadline)

    def _wake_reader(self, has_batch: bool) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(has_batch)
