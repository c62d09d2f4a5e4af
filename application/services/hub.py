"""Hands what the feed brings to every viewer of this process, from memory."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from application.ports.change_feed import ChangeBatch

BUFFERED_BATCHES = 256


class Subscription:
    """Batches in order. A reader too slow for the buffer is ended (`lagged`) and resumes from its cursor."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[ChangeBatch | None] = asyncio.Queue(BUFFERED_BATCHES + 1)
        self.lagged = False
        self._begins: str | None = None
        self._placed = asyncio.Event()

    def place(self, cursor: str) -> None:
        """Its first batch begins here."""
        if self._begins is None:
            self._begins = cursor
            self._placed.set()

    async def begins(self) -> str:
        """Where its first batch begins, known once the feed is read: its own place, whatever was published since. EOFError once ended."""
        await self._placed.wait()
        if self._begins is None:
            raise EOFError("the process stops")
        return self._begins

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def offer(self, batch: ChangeBatch) -> None:
        if self._queue.qsize() < BUFFERED_BATCHES:
            self._queue.put_nowait(batch)
        else:
            self.end()

    def end(self) -> None:
        """Wake the reader and have it end: it was too slow, or this process stops."""
        if not self.lagged:
            self.lagged = True
            self._placed.set()
            self._queue.put_nowait(None)

    async def next(self, seconds: float) -> ChangeBatch | None:
        """The next batch; None when none came within `seconds` (time for a heartbeat). EOFError once it was ended."""
        if self.lagged:
            raise EOFError("this reader was too slow, or the process stops")
        try:
            async with asyncio.timeout(seconds):
                batch = await self._queue.get()
        except TimeoutError:
            return None
        if batch is None:
            raise EOFError("this reader was too slow, or the process stops")
        return batch


class Hub:
    """`publish` is called by the one feed reader of the process, which first says by `begin` where it starts reading.

    `cursor` is where the next batch begins: a viewer that subscribes now gets everything after it, and nothing before.
    """

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self.cursor: str | None = None
        self._closed = False

    def begin(self, cursor: str) -> None:
        """The feed's reader starts here."""
        self.cursor = cursor
        for subscription in self._subscriptions:
            subscription.place(cursor)

    def publish(self, batch: ChangeBatch) -> None:
        self.cursor = batch.cursor
        for subscription in self._subscriptions:
            subscription.offer(batch)

    def close(self) -> None:
        """End every subscription, and those to come: the process stops."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.end()

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self._subscriptions.add(subscription)
        if self.cursor is not None:
            subscription.place(self.cursor)
        if self._closed:
            subscription.end()
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    @property
    def viewers(self) -> int:
        return len(self._subscriptions)

    @property
    def lag(self) -> int:
        """Batches that the slowest viewer has not taken yet."""
        return max((subscription.waiting for subscription in self._subscriptions), default=0)
