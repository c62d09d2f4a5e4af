"""Loads the facts that explain a run's status."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from application.ports.queries.reader import Reader
from application.ports.system.clock import Clock
from application.queries.explain.orchestrator_health import OrchestratorHealth
from application.queries.explain.run_context import RunContext
from application.queries.views.history import StageTimes
from application.queries.views.runs import RunView
from application.queries.views.workers import QueueView
from domain.runs.status import Status

WORKER_SEEN_WITHIN_SECONDS = 15.0
"""A worker is online if its last heartbeat is at most this old."""
WORKER_SILENT_AFTER_SECONDS = 8.0
"""A worker is called silent if its last heartbeat is older than this. Workers send one every 5 seconds."""
WORKER_FORGOTTEN_AFTER_SECONDS = 3_600.0
MAX_QUEUE_LENGTH = 1_000
"""Runs of a pool that are counted as ahead of a run; with more, pages say "1,000 or more"."""
MIN_SAMPLES = 5
"""Completed attempts that a stage needs before Headgate calls an attempt slower than usual."""


@dataclass(frozen=True, slots=True)
class RunContextLoader:
    """Loads the `RunContext` of a run. It queries only what the explanation of the run depends on."""

    reader: Reader
    clock: Clock
    engine: OrchestratorHealth
    warm_pools: Collection[str]

    async def __call__(self, run: RunView) -> RunContext:
        now = self.clock.now()
        context = RunContext(now, is_warm=run.pool in self.warm_pools)
        if run.status.is_terminal:
            return context
        statuses = {stage.status for stage in run.stages}
        if Status.RUNNING in statuses:
            times = await self.reader.stage_times(run.pipeline_id)
            medians = {item.stage: item.median for item in times}
            context = replace(context, typical_durations=medians, slow_thresholds=get_slow_thresholds(times))
        if Status.RUNNING in statuses or run.dispatch_holder is not None:
            context = replace(context, silent_workers=await self.find_silent_workers(run.pool, now))
        if Status.QUEUED in statuses:
            context = replace(context, queue=await self.read_queue(run.pool), is_engine_reachable=await self.is_engine_reachable(run))
        if run.has_flow_runs:
            context = replace(context, engine_silent_since=await self.find_engine_silence(now))
        if run.waits_for_slot or run.limited_stages:
            context = replace(context, full_buckets=await self.reader.slot_waits(run.id))
        return context

    async def read_queue(self, pool: str) -> QueueView:
        """Return the pool's online workers and up to MAX_QUEUE_LENGTH waiting runs."""
        return await self.reader.queue(pool, WORKER_SEEN_WITHIN_SECONDS, MAX_QUEUE_LENGTH)

    async def is_engine_reachable(self, run: RunView) -> bool | None:
        """Return whether the orchestrator responds; None if the run does not depend on it."""
        return await self.engine.is_reachable() if run.unrecorded and run.pool not in self.warm_pools else None

    async def find_engine_silence(self, now: datetime) -> datetime | None:
        """Return the time since which the orchestrator does not respond; None if it responds."""
        silence = await self.engine.get_silence()
        return now - timedelta(seconds=silence) if silence is not None else None

    async def find_silent_workers(self, pool: str, now: datetime) -> Mapping[str, tuple[str, float]]:
        """Return the pool's workers whose heartbeats stopped within the last hour: their name and the seconds since, by id."""
        workers = await self.reader.workers(pool, WORKER_FORGOTTEN_AFTER_SECONDS)
        ages = {worker.id: (worker.name, (now - worker.seen_at).total_seconds()) for worker in workers}
        return {id: (name, age) for id, (name, age) in ages.items() if age > WORKER_SILENT_AFTER_SECONDS}


def get_slow_thresholds(times: Iterable[StageTimes]) -> dict[str, float]:
    """Return the seconds after which each stage is slower than usual. Stages with fewer than MIN_SAMPLES attempts are left out."""
    return {item.stage: item.slow for item in times if item.count >= MIN_SAMPLES}
