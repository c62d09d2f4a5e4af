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
    """The leases this worker holds. Times are those of the event loop, in seconds."""

    def __init__(self, lease_seconds: float, signal: HeartbeatSignal) -> None:
        self._limit = lease_seconds * _SAFETY_RATIO
        self._signal = signal
        self._renewed: dict[DispatchKey, float] = {}

    def add(self, key: DispatchKey) -> None:
        """Start to watch a lease that was granted now."""
        self._renewed[key] = asyncio.get_running_loop().time()

    def renew(self, key: DispatchKey, at: float) -> None:
        """Record a renewal that was requested at that time."""
        if key in self._renewed:
            self._renewed[key] = at

    def remove(self, key: DispatchKey) -> None:
        self._renewed.pop(key, None)

    def is_overdue(self, key: DispatchKey) -> bool:
        return self._renewed.get(key, math.inf) < asyncio.get_running_loop().time() - self._limit

    async def wait_until_renewed(self, key: DispatchKey) -> None:
        """Return once the lease is not overdue, or no longer held."""
        while key in self._renewed and self.is_overdue(key):
            await self._signal.request_and_wait(_CHECK_SECONDS)
            if self.is_overdue(key):
                await asyncio.sleep(_CHECK_SECONDS)

    async def watch(self, on_overdue: Callable[[DispatchKey], None]) -> None:
        """Call `on_overdue` again and again for each overdue lease, until cancelled."""
        while True:
            await asyncio.sleep(self._limit / 30)
            for key in [key for key in self._renewed if self.is_overdue(key)]:
                on_overdue(key)
