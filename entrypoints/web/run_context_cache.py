"""A cache for what status texts compare a run with. Medians change slowly, and every rendering needs them."""

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from time import monotonic
from typing import Generic, TypeVar

from application.ports.queries.reader import Reader
from application.queries.explain.run_context import RunContext
from application.queries.explain.run_context_loader import RunContextLoader, get_slow_thresholds
from application.queries.views.groups import FullBucketView
from application.queries.views.history import StageTimes
from application.queries.views.runs import RunView
from application.queries.views.workers import QueueView
from domain.runs.active_time import get_active_seconds
from domain.runs.status import Status

MEDIANS_SECONDS = 20.0
POOL_SECONDS = 1.0
"""A board with a hundred queued runs reads the queue of their pool once."""
MAX_ENTRIES = 1_000
SLOTS_SECONDS = 1.0
"""Each rendering of a run that waits for a concurrency limit asks who holds the slots."""
LAST_RUNS = 20
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RunContextCache:
    """Load run contexts as RunContextLoader does, with medians and pools from a cache. One per process."""

    def __init__(self, reader: Reader, loader: RunContextLoader) -> None:
        self._reader = reader
        self._loader = loader
        self._queues: _Cache[str, QueueView] = _Cache(loader.read_queue, POOL_SECONDS)
        self._silent_workers: _Cache[str, Mapping[str, tuple[str, float]]] = _Cache(self._load_silent_workers, POOL_SECONDS)
        self._stage_times: _Cache[int, Sequence[StageTimes]] = _Cache(self._load_stage_times, MEDIANS_SECONDS)
        self._full_buckets: _Cache[tuple[int, int], Sequence[FullBucketView]] = _Cache(self._load_full_buckets, SLOTS_SECONDS)
        self._run_medians: _Cache[int, float | None] = _Cache(self._load_run_median, MEDIANS_SECONDS)

    async def load(self, run: RunView) -> RunContext:
        """Return the run's context."""
        statuses = {stage.status for stage in run.stages}
        context = RunContext(self._loader.clock.now(), is_warm=run.pool in self._loader.warm_pools)
        if run.status.is_terminal:
            return context
        if Status.RUNNING in statuses:
            slow = get_slow_thresholds(await self._stage_times.get(run.pipeline_id))
            context = replace(context, typical_durations=await self.get_stage_medians(run.pipeline_id), slow_thresholds=slow)
        if Status.RUNNING in statuses or run.dispatch_holder is not None:
            context = replace(context, silent_workers=await self._silent_workers.get(run.pool))
        if Status.QUEUED in statuses:
            is_reachable = await self._loader.is_engine_reachable(run)
            context = replace(context, queue=await self._queues.get(run.pool), is_engine_reachable=is_reachable)
        if run.has_flow_runs:
            context = replace(context, engine_silent_since=await self._loader.find_engine_silence(context.now))
        if run.waits_for_slot or run.limited_stages:
            context = replace(context, full_buckets=await self._full_buckets.get((run.id, run.last_seq)))
        return context

    async def get_stage_medians(self, pipeline_id: int) -> Mapping[str, float]:
        """Return the median duration of each stage, in seconds."""
        return {times.stage: times.median for times in await self._stage_times.get(pipeline_id)}

    async def get_run_median(self, pipeline_id: int) -> float | None:
        """Return the median active time of the last completed runs, in seconds; None if no run has completed."""
        return await self._run_medians.get(pipeline_id)

    async def _load_silent_workers(self, pool: str) -> Mapping[str, tuple[str, float]]:
        return await self._loader.find_silent_workers(pool, self._loader.clock.now())

    async def _load_full_buckets(self, state: tuple[int, int]) -> Sequence[FullBucketView]:
        """Return what a run waits for. `state` is its id and its last seq, so that no old text follows an action on the run."""
        return await self._reader.slot_waits(state[0])

    async def _load_stage_times(self, pipeline_id: int) -> Sequence[StageTimes]:
        return await self._reader.stage_times(pipeline_id)

    async def _load_run_median(self, pipeline_id: int) -> float | None:
        runs = await self._reader.runs(pipeline_id=pipeline_id, status=Status.COMPLETED, skip=0, limit=LAST_RUNS)
        times = [get_active_seconds(run, run.finished_at) for run in runs if run.finished_at is not None]
        durations = [seconds for seconds in times if seconds is not None]
        return median(durations) if durations else None


class _Cache(Generic[Key, Value]):
    """Values by key, each loaded again when it is older than `max_age` seconds. It holds about MAX_ENTRIES at most."""

    def __init__(self, load: Callable[[Key], Awaitable[Value]], max_age: float) -> None:
        self._load = load
        self._max_age = max_age
        self._entries: dict[Key, tuple[float, Value]] = {}

    async def get(self, key: Key) -> Value:
        entry = self._entries.get(key)
        if entry is None or monotonic() - entry[0] > self._max_age:
            if len(self._entries) >= MAX_ENTRIES:
                self._entries.clear()
            entry = self._entries[key] = (monotonic(), await self._load(key))
        return entry[1]
