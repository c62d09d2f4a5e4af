"""Looks up what `explain` wants to know besides the run."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from application.ports.queries.reader import Reader
from application.ports.system.clock import Clock
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context import RunContext
from application.queries.views.history import StageTimes
from application.queries.views.runs import RunView
from application.queries.views.workers import QueueView
from domain.runs.status import Status

WORKER_SEEN_WITHIN_SECONDS = 15.0
"""Seconds within which a worker must have spoken to count."""
WORKER_SILENT_AFTER_SECONDS = 8.0
"""Seconds without a word after which a worker is called silent: it speaks every five."""
REMEMBERED_FOR = 3_600.0
MAX_QUEUE_LENGTH = 1_000
"""Runs of a pool that are counted as ahead of one; beyond, "1,000 or more" is as much as anybody needs to know."""
MIN_SAMPLES = 5
"""Runs that must have completed a stage before it is ever called later than usual."""


@dataclass(frozen=True, slots=True)
class RunContextLoader:
    """The surroundings of one run; each question is asked only where the sentence depends on it."""

    reader: Reader
    clock: Clock
    engine: OrchestratorHealth
    warm_pools: Collection[str]

    async def __call__(self, run: RunView) -> RunContext:
        now = self.clock.now()
        warm = run.pool in self.warm_pools
        statuses = {stage.status for stage in run.stages}
        if run.status.is_terminal:
            return RunContext(now, is_warm=warm)
        context = RunContext(now, is_warm=warm)
        if Status.RUNNING in statuses:
            times = await self.reader.stage_times(run.pipeline_id)
            context = replace(
                context, typical_durations={item.stage: item.median for item in times}, slow_thresholds=get_slow_thresholds(times)
            )
        if Status.RUNNING in statuses or run.dispatch_holder is not None:
            context = replace(context, silent_workers=await self.find_silent_workers(run.pool, now))
        if Status.QUEUED in statuses:
            context = replace(context, queue=await self.read_queue(run.pool), is_engine_reachable=await self.is_engine_reachable(run))
        return context

    async def read_queue(self, pool: str) -> QueueView:
        return await self.reader.queue(pool, WORKER_SEEN_WITHIN_SECONDS, MAX_QUEUE_LENGTH)

    async def is_engine_reachable(self, run: RunView) -> bool | None:
        """None where the run does not depend on it."""
        return await self.engine.is_reachable() if run.unrecorded and run.pool not in self.warm_pools else None

    async def find_silent_workers(self, pool: str, now: datetime) -> Mapping[str, tuple[str, float]]:
        """The workers of the pool that spoke within the hour and not lately: name and seconds since, by id."""
        found = await self.reader.workers(pool, REMEMBERED_FOR)
        waited = {each.id: (each.name, (now - each.seen_at).total_seconds()) for each in found}
        return {id: (name, since) for id, (name, since) in waited.items() if since > WORKER_SILENT_AFTER_SECONDS}


def get_slow_thresholds(times: Iterable[StageTimes]) -> dict[str, float]:
    """Seconds from which a stage is later than usual, of those that completed often enough to tell."""
    return {item.stage: item.slow for item in times if item.count >= MIN_SAMPLES}
