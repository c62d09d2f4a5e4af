"""Notifies all processes that something was committed."""

import asyncio

from application.ports.queries.change_feed import ChangeFeed
from application.services.dispatch.local_wakeups import LocalWakeups

MIN_INTERVAL_SECONDS = 0.02
"""The shortest time between notifications. Each one is a transaction and makes every process read the change feed."""


class ChangeNotifier:
    """Sends one notification for all commits since the last one.

    The notification is not part of the write transactions, because NOTIFY takes a lock that all writers would wait for.
    """

    def __init__(self, feed: ChangeFeed, wakeups: LocalWakeups) -> None:
        self._feed = feed
        self._wakeups = wakeups
        self._not_before = 0.0

    async def wait(self) -> None:
        """Return at the next commit, but not within MIN_INTERVAL_SECONDS of the last notification."""
        await self._wakeups.pending_changes.wait()
        await asyncio.sleep(max(0.0, self._not_before - asyncio.get_running_loop().time()))

    async def run_once(self) -> None:
        self._not_before = asyncio.get_running_loop().time() + MIN_INTERVAL_SECONDS
        self._wakeups.pending_changes.clear()
        log_run_ids, self._wakeups.log_run_ids = sorted(self._wakeups.log_run_ids), set()
        await self._feed.announce(log_run_ids=log_run_ids)
