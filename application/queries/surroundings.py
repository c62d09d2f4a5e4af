"""Looks up what `explain` wants to know besides the run."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from application.ports.clock import Clock
from application.ports.orchestrator import Orchestrator
from application.ports.readers import Reader
from application.queries.sentences import Surroundings
from application.queries.views import QueueView, RunView, StageTimes
from application.queries.why import explain
from domain.status import Status

SPOKE_WITHIN = 15.0
"""Seconds within which a worker must have spoken to count."""
SILENT_AFTER = 8.0
"""Seconds without a word after which a worker is called silent: it speaks every five."""
REMEMBERED_FOR = 3_600.0
QUEUE_SHOWN = 1_000
"""Runs of a pool that are counted as ahead of one; beyond, "1,000 or more" is as much as anybody needs to know."""
LEAST_TIMES = 5
"""Runs that must have completed a stage before it is ever called later than usual."""
ENGINE_TERM = 5.0
"""Seconds for which the engine's answer is believed."""


class EngineHealth:
    """Whether the engine answers, asked at most once in `ENGINE_TERM` seconds however many want to know."""

    def __init__(self, orchestrator: Orchestrator, clock: Clock) -> None:
        self._orchestrator = orchestrator
        self._clock = clock
        self._asked_at: datetime | None = None
        self._answers = False

    async def answers(self) -> bool:
        now = self._clock.now()
        if self._asked_at is None or (now - self._asked_at).total_seconds() >= ENGINE_TERM:
            self._asked_at = now
            self._answers = await self._orchestrator.is_healthy()
        return self._answers


@dataclass(frozen=True, slots=True)
class LookAround:
    """The surroundings of one run; each question is asked only where the sentence depends on it."""

    reader: Reader
    clock: Clock
    engine: EngineHealth
    warm_pools: Collection[str]

    async def __call__(self, run: RunView) -> Surroundings:
        now = self.clock.now()
        warm = run.pool in self.warm_pools
        statuses = {stage.status for stage in run.stages}
        if run.status.is_terminal:
            return Surroundings(now, is_warm=warm)
        around = Surroundings(now, is_warm=warm)
        if Status.RUNNING in statuses:
            times = await self.reader.stage_times(run.pipeline_id)
            around = replace(around, usual={item.stage: item.median for item in times}, slow=slow_times(times))
        if Status.RUNNING in statuses or run.burst_holder is not None:
            around = replace(around, silent=await self.silent(run.pool, now))
        if Status.QUEUED in statuses:
            around = replace(around, queue=await self.queue(run.pool), engine_answers=await self.engine_answers(run))
        return around

    async def queue(self, pool: str) -> QueueView:
        return await self.reader.queue(pool, SPOKE_WITHIN, QUEUE_SHOWN)

    async def engine_answers(self, run: RunView) -> bool | None:
        """None where the run does not depend on it."""
        return await self.engine.answers() if run.unrecorded and run.pool not in self.warm_pools else None

    async def silent(self, pool: str, now: datetime) -> Mapping[str, tuple[str, float]]:
        """The workers of the pool that spoke within the hour and not lately: name and seconds since, by id."""
        found = await self.reader.workers(pool, REMEMBERED_FOR)
        waited = {each.id: (each.name, (now - each.seen_at).total_seconds()) for each in found}
        return {id: (name, since) for id, (name, since) in waited.items() if since > SILENT_AFTER}


def slow_times(times: Iterable[StageTimes]) -> dict[str, float]:
    """Seconds from which a stage is later than usual, of those that completed often enough to tell."""
    return {item.stage: item.slow for item in times if item.count >= LEAST_TIMES}


def why_it_ended(run: RunView) -> str | None:
    """The sentence of a run that is over, which depends on nothing else; None while it is under way."""
    return str(explain(run, Surroundings(run.finished_at or run.created_at))) if run.status.is_terminal else None
