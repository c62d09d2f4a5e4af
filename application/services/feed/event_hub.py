"""Hands what the feed brings to every viewer of this process, from memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from application.ports.queries.change_feed import ChangeBatch
from application.services.feed.subscription import Subscription


class EventHub:
    """`publish` is called by the one feed reader of the process, which first says by `begin` where it starts reading.

    `cursor` is where the next batch begins: a viewer that subscribes now gets everything after it, and nothing before.
    """

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self.cursor: str | None = None
        self._closed = False

    def set_cursor(self, cursor: str) -> None:
        """The feed's reader starts here."""
        self.cursor = cursor
        for subscription in self._subscriptions:
            subscription.set_start_cursor(cursor)

    def publish(self, batch: ChangeBatch) -> None:
        self.cursor = batch.cursor
        for subscription in self._subscriptions:
            subscription.append(batch)

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
            subscription.set_start_cursor(self.cursor)
        if self._closed:
            subscription.end()
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            subscription.close()

    @property
    def viewer_count(self) -> int:
        return len(self._subscriptions)

    @property
    def lag(self) -> int:
        """Batches that the slowest viewer has not taken yet."""
        return max((subscription.waiting for subscription in self._subscriptions), default=0)
