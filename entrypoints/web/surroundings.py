"""What the why sentence compares with: medians, workers, the time. Medians are kept for a while, they change slowly."""

from collections.abc import Mapping
from statistics import median
from time import monotonic

from application.ports.clock import Clock
from application.ports.readers import Reader
from application.queries.views import RunView
from application.queries.why import Surroundings
from domain.definition import DEFAULT_POOL
from domain.status import Status

KEPT_SECONDS = 20.0
WORKER_SECONDS = 20.0


class Surveyor:
    """One per process; `warm_pool` is the pool served by Headgate's own workers."""

    def __init__(self, reader: Reader, clock: Clock, warm_pool: str = DEFAULT_POOL) -> None:
        self._reader = reader
        self._clock = clock
        self._warm_pool = warm_pool
        self._usual: dict[int, tuple[float, Mapping[str, float]]] = {}
        self._totals: dict[int, tuple[float, float | None]] = {}

    async def usual(self, pipeline_id: int) -> Mapping[str, float]:
        """The median of each stage, seconds."""
        kept = self._usual.get(pipeline_id)
        if kept is None or monotonic() - kept[0] > KEPT_SECONDS:
            times = await self._reader.stage_times(pipeline_id)
            kept = (monotonic(), {time.stage: time.median for time in times})
            self._usual[pipeline_id] = kept
        return kept[1]

    async def usual_total(self, pipeline_id: int) -> float | None:
        """The median time of a completed run, seconds; None until one completed lately."""
        kept = self._totals.get(pipeline_id)
        if kept is None or monotonic() - kept[0] > KEPT_SECONDS:
            runs = await self._reader.runs(pipeline_id=pipeline_id, status=Status.COMPLETED, skip=0, limit=20)
            times = [(run.finished_at - run.started_at).total_seconds() for run in runs if run.finished_at and run.started_at]
            kept = self._totals[pipeline_id] = (monotonic(), median(times) if times else None)
        return kept[1]

    async def around(self, run: RunView) -> Surroundings:
        """Only what the run's state asks for is read."""
        now = self._clock.now()
        if run.status.is_terminal:
            return Surroundings(now)
        usual = await self.usual(run.pipeline_id)
        if not any(stage.status is Status.QUEUED for stage in run.stages):
            return Surroundings(now, usual=usual)
        workers = await self._reader.workers(run.pool, WORKER_SECONDS)
        return Surroundings(
            now, workers=len(workers), free_slots=sum(worker.free for worker in workers), is_warm=run.pool == self._warm_pool, usual=usual
        )
