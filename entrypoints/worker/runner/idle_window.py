"""When there is time for what can wait: nothing was started or reported for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

QUIET_SECONDS: Final = 0.1
"""Seconds without a start or a report that make a lull."""
MAX_WAIT_SECONDS: Final = 5.0
"""Seconds for which a lull is waited for at most: a worker that is never quiet is shown too."""


class IdleWindow:
    """Stages come first: what shows them elsewhere takes its turn between them. `clock` is monotonic, in seconds."""

    def __init__(
        self, quiet: float = QUIET_SECONDS, patience: float = MAX_WAIT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quiet, self._patience, self._clock = quiet, patience, clock
        self.last_activity = -quiet
        """When something was, last."""

    def mark_activity(self) -> None:
        """Something is started or reported now."""
        self.last_activity = self._clock()

    def now(self) -> float:
        """To be given to `wait`."""
        return self._clock()

    async def wait(self, since: float) -> None:
        """Return in a lull, or once the patience has run out that began at `since`."""
        while (rest := min(self.last_activity + self._quiet, since + self._patience) - self._clock()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(rest)
