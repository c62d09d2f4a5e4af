"""Wakes the other processes (and this one's feed) after commits: one announcement for however many commits came meanwhile."""

import asyncio

from application.ports.queries.change_feed import ChangeFeed
from application.services.dispatch.local_wakeups import LocalWakeups

MIN_INTERVAL_SECONDS = 0.02
"""Each announcement is a transaction, and has every process read: beside a lone reporter they took as long as its reports."""


class ChangeNotifier:
    """Kept out of the write transactions: NOTIFY takes a lock that every writer would queue for."""

    def __init__(self, feed: ChangeFeed, wakeups: LocalWakeups) -> None:
        self._feed = feed
        self._wakeups = wakeups
        self._next = 0.0

    async def wait(self) -> None:
        """The first at once; in a storm, only so often: whoever is woken reads all there is."""
        await self._wakeups.pending_changes.wait()
        await asyncio.sleep(max(0.0, self._next - asyncio.get_running_loop().time()))

    async def run_once(self) -> None:
        self._next = asyncio.get_running_loop().time() + MIN_INTERVAL_SECONDS
        self._wakeups.pending_changes.clear()
        logs_of, self._wakeups.logs_of = sorted(self._wakeups.logs_of), set()
        await self._feed.announce(logs_of=logs_of)
