"""Wakes the other processes (and this one's feed) after commits: one announcement for however many commits came meanwhile."""

from application.ports.change_feed import ChangeFeed
from application.services.wakeups import LocalWakeups


class AnnounceChanges:
    """Kept out of the write transactions: NOTIFY takes a lock that every writer would queue for."""

    def __init__(self, feed: ChangeFeed, wakeups: LocalWakeups) -> None:
        self._feed = feed
        self._wakeups = wakeups

    async def wait(self) -> None:
        await self._wakeups.unannounced.wait()

    async def run_once(self) -> None:
        self._wakeups.unannounced.clear()
        logs_of, self._wakeups.logs_of = sorted(self._wakeups.logs_of), set()
        await self._feed.announce(logs_of=logs_of)
