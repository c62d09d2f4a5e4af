"""What the why sentence compares with. Medians are kept for a while: they change slowly and every drawing asks for them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from time import monotonic

from application.ports.queries.reader import Reader
from application.queries.explain.run_context import RunContext
from application.queries.explain.run_context_loader import RunContextLoader, get_slow_thresholds
from application.queries.views.history import StageTimes
from application.queries.views.runs import RunView
from application.queries.views.workers import QueueView
from domain.runs.status import Status

KEPT_SECONDS = 20.0
KEPT_POOL_SECONDS = 1.0
"""A board of a hundred queued runs asks once who could take them."""
LAST_RUNS = 20


class RunContextCache:
    """One per process."""

    def __init__(self, reader: Reader, look_around: RunContextLoader) -> None:
        self._reader = reader
        self._look_around = look_around
        self._queues: dict[str, tuple[float, QueueView]] = {}
        self._times: dict[int, tuple[float, Sequence[StageTimes]]] = {}
        self._silences: dict[str, tuple[float, Mapping[str, tuple[str, float]]]] = {}
        self._totals: dict[int, tuple[float, float | None]] = {}

    async def usual(self, pipeline_id: int) -> Mapping[str, float]:
        """The median of each stage, seconds."""
        return {time.stage: time.median for time in await self._stage_times(pipeline_id)}

    async def _stage_times(self, pipeline_id: int) -> Sequence[StageTimes]:
        kept = self._times.get(pipeline_id)
        if kept is None or monotonic() - kept[0] > KEPT_SECONDS:
            kept = self._times[pipeline_id] = (monotonic(), await self._reader.stage_times(pipeline_id))
        return kept[1]

    async def get_median_run_seconds(self, pipeline_id: int) -> float | None:
        """The median time of a completed run, seconds; None until one completed lately."""
        kept = self._totals.get(pipeline_id)
        if kept is None or monotonic() - kept[0] > KEPT_SECONDS:
            runs = await self._reader.runs(pipeline_id=pipeline_id, status=Status.COMPLETED, skip=0, limit=LAST_RUNS)
            times = [(run.finished_at - run.started_at).total_seconds() for run in runs if run.finished_at and run.started_at]
            kept = self._totals[pipeline_id] = (monotonic(), median(times) if times else None)
        return kept[1]

    async def _silent(self, pool: str) -> Mapping[str, tuple[str, float]]:
        kept = self._silences.get(pool)
        if kept is None or monotonic() - kept[0] > KEPT_POOL_SECONDS:
            kept = self._silences[pool] = (monotonic(), await self._look_around.find_silent_workers(pool, self._look_around.clock.now()))
        return kept[1]

    async def _queue(self, pool: str) -> QueueView:
        kept = self._queues.get(pool)
        if kept is None or monotonic() - kept[0] > KEPT_POOL_SECONDS:
            kept = self._queues[pool] = (monotonic(), await self._look_around.read_queue(pool))
        return kept[1]

    async def around(self, run: RunView) -> RunContext:
        """As `RunContextLoader` has it, with the medians and the pool from here."""
        statuses = {stage.status for stage in run.stages}
        around = RunContext(self._look_around.clock.now(), is_warm=run.pool in self._look_around.warm_pools)
        if run.status.is_terminal:
            return around
        if Status.RUNNING in statuses:
            slow = get_slow_thresholds(await self._stage_times(run.pipeline_id))
            around = replace(around, typical_durations=await self.usual(run.pipeline_id), slow_thresholds=slow)
        if Status.RUNNING in statuses or run.dispatch_holder is not None:
            around = replace(around, silent_workers=await self._silent(run.pool))
        if Status.QUEUED in statuses:
            answers = await self._look_around.is_engine_reachable(run)
            around = replace(around, queue=await self._queue(run.pool), is_engine_reachable=answers)
        return around
