"""How many stages this process may run at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Slots:
    """Counted, not guarded: a start that the web has already decided takes a slot even when none is free."""

    def __init__(self, total: int, *, is_offering: bool = True) -> None:
        self.total = total
        self.is_offering = is_offering
        """Whether the web may give them to other dispatches; not where a process carries one dispatch alone, or leaves."""
        self.received: int | None = None
        """Claims that came by the open stream; None without one."""
        self.reported_free = -1
        """How many are free by the web's count."""
        self.steps_in_flight = 0
        """Steps under way: the answer of each tells the web of our slots too."""
        self._taken = 0
        self._waiting: set[asyncio.Event] = set()
        self.on_change: Callable[[], None] = lambda: None

    @property
    def free(self) -> int:
        return max(0, self.total - self._taken)

    def count_offered(self, reserved: int = 0) -> int:
        """What the web is told to be free, beside slots reserved for a dispatch that is asking."""
        return self.free + reserved if self.is_offering else 0

    def take(self, count: int) -> None:
        """Take slots for stages that must start, free or not."""
        self._taken += count
        if count:
            self.on_change()

    def take_free(self, wanted: int) -> int:
        """Take up to `wanted` of those that are free; how many that were."""
        taken = max(0, min(wanted, self.free))
        self._taken += taken
        return taken

    def release(self, count: int) -> None:
        """Return slots and wake whoever waits for one."""
        if not count:
            return
        self._taken -= count
        if self.free:
            for waiting in self._waiting:
                waiting.set()
        self.on_change()

    def add_waiter(self, event: asyncio.Event) -> None:
        """Set the event whenever a slot becomes free, until `forget`."""
        self._waiting.add(event)

    def remove_waiter(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)
