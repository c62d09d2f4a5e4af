"""When each dispatch's lease was renewed last, and what follows if it was not."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Final

from entrypoints.worker_protocol.messages import DispatchKey

_CHECK_SECONDS: Final = 0.2
_SAFETY_RATIO: Final = 0.75
"""Share of the lease after which it counts as overdue: attempts that another worker may repeat end before the lease expires."""
_GRACE_RATIO: Final = 0.5
"""Share of the rest of an overdue lease that its attempts may take to end."""
_FRESH_RATIO: Final = 0.5
"""Share of that limit after which no attempt starts before the lease is renewed: it would soon be ended."""
_FREEZE_TICKS: Final = 4
"""Missed ticks of the watch after which this process was frozen itself, or too busy to renew its leases."""
_RENEWAL_RATIO: Final = 1 / 3
"""Share of that limit that a renewal may take after a freeze."""


class HeartbeatSignal:
    """Asks for a heartbeat now, and tells when one was answered."""

    def __init__(self) -> None:
        self.due, self._answered = asyncio.Event(), asyncio.Event()

    def request(self) -> None:
        self.due.set()

    def answered(self) -> None:
        self._answered.set()

    async def request_and_wait(self, seconds: float) -> None:
        """Request a heartbeat and wait for an answer, at most that long."""
        self._answered.clear()
        self.request()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._answered.wait()


class LeaseMonitor:
    """The leases this worker holds. Times are those of the event loop, in seconds.

    A worker that was frozen knows nothing about its leases: it renews them before it judges them.
    """

    def __init__(self, lease_seconds: float, signal: HeartbeatSignal) -> None:
        self._limit = lease_seconds * _SAFETY_RATIO
        self.grace = (lease_seconds - self._limit) * _GRACE_RATIO
        """Seconds between TERM and KILL for attempts whose lease is overdue, so that they end before it expires."""
        self._tick = self._limit / 30
        self._signal = signal
        self._renewed: dict[DispatchKey, float] = {}
        self._ticked_at: float | None = None

    def add(self, key: DispatchKey) -> None:
        """Start to watch a lease that was granted now, or during a freeze that ends now: then it has to be renewed first."""
        now = asyncio.get_running_loop().time()
        self._renewed[key] = now - self._limit if self._was_frozen(now) else now

    def renew(self, key: DispatchKey, at: float) -> None:
        """Record a renewal that was requested at that time."""
        if key in self._renewed:
            self._renewed[key] = at

    def remove(self, key: DispatchKey) -> None:
        self._renewed.pop(key, None)

    def is_overdue(self, key: DispatchKey) -> bool:
        return self._renewed.get(key, math.inf) < asyncio.get_running_loop().time() - self._limit

    async def wait_until_fresh(self, key: DispatchKey) -> None:
        """Return once the lease was renewed not long ago, or is no longer held."""
        while self._is_stale(key):
            await self._signal.request_and_wait(_CHECK_SECONDS)
            if self._is_stale(key):
                await asyncio.sleep(_CHECK_SECONDS)

    async def watch(self, on_overdue: Callable[[DispatchKey], None]) -> None:
        """Call `on_overdue` again and again for each overdue lease, until cancelled."""
        loop = asyncio.get_running_loop()
        self._ticked_at = judges_from = loop.time()
        while True:
            await asyncio.sleep(self._tick)
            now = loop.time()
            if self._was_frozen(now):
                judges_from = now + self._limit * _RENEWAL_RATIO
                self._signal.request()
            self._ticked_at = now
            if now >= judges_from:
                for key in [key for key in self._renewed if self.is_overdue(key)]:
                    on_overdue(key)

    def _is_stale(self, key: DispatchKey) -> bool:
        return self._renewed.get(key, math.inf) < asyncio.get_running_loop().time() - self._limit * _FRESH_RATIO

    def _was_frozen(self, now: float) -> bool:
        return self._ticked_at is not None and now - self._ticked_at > self._tick * _FREEZE_TICKS
