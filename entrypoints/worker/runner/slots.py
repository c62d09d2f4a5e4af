"""How many stages this process may run at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Slots:
    """Counts slots. It limits nothing: an attempt that Headgate has started takes a slot even if none is free."""

    def __init__(self, total: int, *, is_offering: bool = True) -> None:
        self.total = total
        self.is_offering = is_offering
        """True if other dispatches may use free slots; False in a process for one dispatch, or while the worker stops."""
        self.received: int | None = None
        """The number of claims that the open stream has brought; None without a stream."""
        self.reported_free = -1
        """The number of free slots that Headgate counts."""
        self.steps_in_flight = 0
        """The number of steps without an answer yet. Each reports free slots too."""
        self._taken = 0
        self._waiters: dict[asyncio.Event, None] = {}
        self.on_change: Callable[[], None] = lambda: None

    @property
    def free(self) -> int:
        return max(0, self.total - self._taken)

    def count_offered(self, reserved: int = 0) -> int:
        """Return the number of slots to report as free: those that are, and those reserved for the dispatch that asks."""
        return self.free + reserved if self.is_offering else 0

    def take(self, count: int) -> None:
        """Take slots for attempts that must start, free or not."""
        self._taken += count
        if count:
            self.on_change()

    def take_free(self, wanted: int) -> int:
        """Take up to `wanted` free slots; return how many were taken."""
        taken = max(0, min(wanted, self.free))
        self._taken += taken
        return taken

    def release(self, count: int) -> None:
        """Return slots and set the events of those who wait for one."""
        if not count:
            return
        self._taken -= count
        if self.free:
            for waiter in self._waiters:
                waiter.set()
        self.on_change()

    def add_waiter(self, event: asyncio.Event) -> None:
        """Set the event whenever a slot becomes free, until `remove_waiter`."""
        self._waiters[event] = None

    def remove_waiter(self, event: asyncio.Event) -> None:
        self._waiters.pop(event, None)
