"""The orchestrator's health, cached."""

from datetime import datetime

from application.ports.dispatch.orchestrator import Orchestrator
from application.ports.system.clock import Clock

HEALTH_CACHE_SECONDS = 5.0


class OrchestratorHealth:
    """Checks at most once in HEALTH_CACHE_SECONDS whether the orchestrator responds, however many requests ask."""

    def __init__(self, orchestrator: Orchestrator, clock: Clock) -> None:
        self._orchestrator = orchestrator
        self._clock = clock
        self._checked_at: datetime | None = None
        self._is_healthy = False

    async def is_reachable(self) -> bool:
        now = self._clock.now()
        if self._checked_at is None or (now - self._checked_at).total_seconds() >= HEALTH_CACHE_SECONDS:
            self._checked_at = now
            self._is_healthy = await self._orchestrator.is_healthy()
        return self._is_healthy
