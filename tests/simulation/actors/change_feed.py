"""The change feed between simulated web processes. Some announcements are lost."""

from collections.abc import Sequence
from typing import Protocol

from tests.fakes import FakeChangeFeed, FakeStore


class Listener(Protocol):
    is_up: bool


class FeedRegistry:
    """The feeds of all running processes. `chance` decides for each announcement and feed whether it arrives."""

    def __init__(self, chance: "ChanceSource") -> None:
        self.listening: list[SimulatedFeed] = []
        self.is_heard = chance


class ChanceSource(Protocol):
    def __call__(self) -> bool: ...


class SimulatedFeed(FakeChangeFeed):
    def __init__(self, store: FakeStore, feeds: FeedRegistry, owner: Listener) -> None:
        super().__init__(store)
        self._feeds, self._owner = feeds, owner
        feeds.listening = [feed for feed in feeds.listening if feed._owner.is_up and feed._owner is not owner] + [self]

    async def announce(self, *, log_run_ids: Sequence[int] = ()) -> None:
        self._store.require_up()
        for feed in self._feeds.listening:
            if self._feeds.is_heard():
                feed.notify(log_run_ids)
