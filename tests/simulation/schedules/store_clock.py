"""The clock of the simulated database, which can be set."""

from datetime import datetime, timedelta

from tests.fakes.system.clock import START
from tests.simulation.runtime.virtual_loop import VirtualLoop


class StoreClock:
    """Follows the virtual time of the loop, and jumps when it is set.

    `jumps` counts the jumps, `jumped_at` is the loop's time of the last.
    """

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._offset = 0.0
        self.jumps = 0
        self.jumped_at = float("-inf")

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time() + self._offset)

    def jump(self, seconds: float) -> None:
        """Set the clock forward, or back if `seconds` is negative."""
        self._offset += seconds
        self.jumps += 1
        self.jumped_at = self._loop.time()
