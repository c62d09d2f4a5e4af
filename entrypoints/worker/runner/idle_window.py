"""Finds moments for work that can wait: moments in which no attempt starts and no result is reported."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

QUIET_SECONDS: Final = 0.1
"""Time without a start or a report after which the worker counts as idle."""
MAX_WAIT_SECONDS: Final = 5.0
"""The longest wait for an idle moment, so that work is not postponed forever on a busy worker."""


class IdleWindow:
    """Gives stages priority over work that can wait. `clock` is monotonic; all times are in seconds."""

    def __init__(
        self, quiet: float = QUIET_SECONDS, max_wait: float = MAX_WAIT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quiet, self._max_wait, self._clock = quiet, max_wait, clock
        self.last_activity = -quiet

    def mark_activity(self) -> None:
        """Record that an attempt starts or a result is reported now."""
        self.last_activity = self._clock()

    def now(self) -> float:
        """Return the current time, for `wait`."""
        return self._clock()

    async def wait(self, since: float) -> None:
        """Wait until the worker is idle, at most until `max_wait` after `since`."""
        while (rest := min(self.last_activity + self._quiet, since + self._max_wait) - self._clock()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(rest)
