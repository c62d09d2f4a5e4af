"""Hands what the feed brings to every viewer of this process, from memory."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from application.ports.change_feed import ChangeBatch

BUFFERED_BATCHES = 256


class Subscription:
    """Batches in order. A reader too slow for the buffer is ended (`lagged`) and resumes from its cursor."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[ChangeBatch] = asyncio.Queue(BUFFERED_BATCHES)
        self.lagged = False

    def offer(self, batch: ChangeBatch) -> None:
        try:
            self._queue.put_nowait(batch)
        except asyncio.QueueFull:
            self.lagged = True

    async def next(self, seconds: float) -> ChangeBatch | None:
        """The next batch; None when none came within `seconds` (time for a heartbeat). EOFError once it lagged."""
        if self.lagged:
            raise EOFError("this reader was too slow")
        try:
            return await asyncio.wait_for(self._queue.get(), seconds)
        except TimeoutError:
            return None


class Hub:
    """`publish` is called by the one feed reader of the process."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def publish(self, batch: ChangeBatch) -> None:
        for subscription in self._subscriptions:
            subscription.offer(batch)

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    @property
    def viewers(self) -> int:
        return len(self._subscriptions)
