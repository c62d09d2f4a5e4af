"""A clock that follows the database's clock."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from domain.errors import Unavailable

INTERVAL_SECONDS: Final = 2.0
"""The longest time between two measurements while the database answers."""
MIN_INTERVAL_SECONDS: Final = 0.1


class DatabaseClock:
    """Implements `Clock` with the database's clock, measured now and then, and the monotonic clock since.

    `read_time` returns the database's time. The clock differs from it by one round trip at most. It steps when the database's clock
    jumped, at the next measurement. The process's wall clock is never read.
    """

    def __init__(self, read_time: Callable[[], Awaitable[datetime]], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._read_time = read_time
        self._monotonic = monotonic
        self._zero: datetime | None = None
        """The database's time when the monotonic clock was zero."""
        self._has_new_connection = asyncio.Event()

    def now(self) -> datetime:
        """Return the database's time. Raise Unavailable before the first measurement."""
        if self._zero is None:
            raise Unavailable("Headgate is starting: it has not read its database's clock yet.")
        return self._zero + timedelta(seconds=self._monotonic())

    async def measure(self) -> None:
        """Read the database's clock. Raise Unavailable if the database does not respond."""
        sent = self._monotonic()
        timestamp = (await self._read_time()).astimezone(UTC)
        received = self._monotonic()
        earliest, latest = timestamp - timedelta(seconds=received), timestamp - timedelta(seconds=sent)
        # A reading that agrees with the last one changes nothing, so that a slow round trip never makes the clock less accurate.
        if self._zero is None or not earliest <= self._zero <= latest:
            self._zero = earliest + (latest - earliest) / 2

    def note_new_connection(self) -> None:
        """Measure soon, because the connection may lead to another server."""
        self._has_new_connection.set()

    async def wait(self) -> None:
        """Return when the next measurement is due."""
        await asyncio.sleep(MIN_INTERVAL_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(INTERVAL_SECONDS):
                await self._has_new_connection.wait()

    async def run_once(self) -> None:
        await self.measure()
        # Cleared last: the measurement itself may have opened a connection.
        self._has_new_connection.clear()
