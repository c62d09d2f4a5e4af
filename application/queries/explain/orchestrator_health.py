"""The orchestrator's health, cached."""

import time
from collections.abc import Callable

from application.ports.dispatch.orchestrator import Orchestrator

HEALTH_CACHE_SECONDS = 5.0


class OrchestratorHealth:
    """Checks at most once in HEALTH_CACHE_SECONDS whether the orchestrator responds, however many requests ask."""

    def __init__(self, orchestrator: Orchestrator, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._orchestrator = orchestrator
        self._monotonic = monotonic
        self._checked_at: float | None = None
        self._is_healthy = False
        self._failing_since: float | None = None

    async def is_reachable(self) -> bool:
        now = self._monotonic()
        if self._checked_at is None or now - self._checked_at >= HEALTH_CACHE_SECONDS:
            self._checked_at = now
            self._is_healthy = await self._orchestrator.is_healthy()
            if self._is_healthy:
                self._failing_since = None
            elif self._failing_since is None:
                self._failing_since = now
        return self._is_healthy

    async def get_silence(self) -> float | None:
        """Return the seconds since the first of the checks that failed one after the other; None if it responds."""
        if await self.is_reachable() or self._failing_since is None:
            return None
        return self._monotonic() - self._failing_since
