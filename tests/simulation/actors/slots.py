"""A worker's slots, as it counts them itself."""

import asyncio


class Slots:
    """`received` counts the claims that came by the open stream; None without one."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.received: int | None = None
        self.waiting: dict[asyncio.Event, None] = {}
        self._taken = 0

    @property
    def free(self) -> int:
        return max(0, self.total - self._taken)

    def take(self, count: int) -> None:
        self._taken += count

    def take_free(self, wanted: int) -> int:
        taken = min(wanted, self.free)
        self._taken += taken
        return taken

    def give_back(self, count: int) -> None:
        self._taken -= count
        if count and self.free:
            for event in self.waiting:
                event.set()
