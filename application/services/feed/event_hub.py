"""Distributes the batches of the change feed to the viewers of this process."""

from collections.abc import Iterator
from contextlib import contextmanager

from application.ports.queries.change_feed import ChangeBatch
from application.services.feed.subscription import Subscription


class EventHub:
    """Passes each batch to every subscription, in memory.

    The process's one feed reader calls `set_cursor` with the position where it starts, then `publish` for each batch. `cursor` is where
    the next batch starts: a new subscription gets everything after it and nothing before it.
    """

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self.cursor: str | None = None
        self._is_closed = False

    def set_cursor(self, cursor: str) -> None:
        self.cursor = cursor
        for subscription in self._subscriptions:
            subscription.set_start_cursor(cursor)

    def publish(self, batch: ChangeBatch) -> None:
        self.cursor = batch.cursor
        for subscription in self._subscriptions:
            subscription.append(batch)

    def close(self) -> None:
        """End all subscriptions, present and future, because the process stops."""
        self._is_closed = True
        for subscription in self._subscriptions:
            subscription.end()

    @contextmanager
    def subscribe(self) -> Iterator[Subscription]:
        subscription = Subscription()
        self._subscriptions.add(subscription)
        if self.cursor is not None:
            subscription.set_start_cursor(self.cursor)
        if self._is_closed:
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
        """The number of batches that the slowest viewer has not read yet."""
        return max((subscription.unread_count for subscription in self._subscriptions), default=0)
