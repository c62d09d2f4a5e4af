"""TODO."""

from datetime import datetime

from application.ports.dispatch.orchestrator import Orchestrator
from application.ports.system.clock import Clock

HEALTH_CACHE_SECONDS = 5.0
"""Seconds for which the engine's answer is believed."""


class OrchestratorHealth:
    """Whether the engine answers, asked at most once in `HEALTH_CACHE_SECONDS` seconds however many want to know."""

    def __init__(self, orchestrator: Orchestrator, clock: Clock) -> None:
        self._orchestrator = orchestrator
        self._clock = clock
        self._asked_at: datetime | None = None
        self._answers = False

    async def is_reachable(self) -> bool:
        now = self._clock.now()
        if self._asked_at is None or (now - self._asked_at).total_seconds() >= HEALTH_CACHE_SECONDS:
            self._asked_at = now
            self._answers = await self._orchestrator.is_healthy()
        return self._answers
