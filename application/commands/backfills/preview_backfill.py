"""Show what a backfill would run."""

import math
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Final

from application.commands.runs.run_opener import UncheckedRun
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.services.backfills.backfill_planner import BackfillPlanner
from domain.backfills.plan import BackfillPlan
from domain.backfills.request import BackfillRequest

JUDGED_RUNS: Final = 20


@dataclass(frozen=True, slots=True)
class BackfillPreview:
    """The ticks that a backfill would run. `existing` counts those skipped because they have runs.

    `first` and `last` are by time. `seconds` estimates how long it takes, at the median duration of the pipeline's last runs; None if no
    run has completed.
    """

    pipeline_id: int
    pipeline: str
    plan: BackfillPlan
    ticks: int
    existing: int
    first: datetime | None
    last: datetime | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class PreviewBackfill:
    """Plan a backfill and store nothing. Raises the errors of StartBackfill, except Conflict `nothing_to_run`."""

    open_unit_of_work: OpenUnitOfWork
    planner: BackfillPlanner

    async def __call__(self, ref: PipelineRef, request: BackfillRequest) -> BackfillPreview:
        opener = self.planner.run_opener
        return await opener.open_checked(lambda checked_revision: self._preview(ref, request, checked_revision))

    async def _preview(self, ref: PipelineRef, request: BackfillRequest, checked_revision: int | None) -> BackfillPreview | UncheckedRun:
        async with self.open_unit_of_work() as work:
            planned = await self.planner.plan(work, ref, request)
            if self.planner.run_opener.needs_check(planned.pipeline, checked_revision):
                return UncheckedRun(planned.pipeline, planned.first)
            durations = await work.backfills.find_durations(planned.pipeline.id, JUDGED_RUNS)
        rounds = math.ceil(len(planned.due) / planned.plan.parallel)
        return BackfillPreview(
            pipeline_id=planned.pipeline.id,
            pipeline=planned.pipeline.name,
            plan=planned.plan,
            ticks=len(planned.due),
            existing=planned.existing,
            first=min(planned.due, default=None),
            last=max(planned.due, default=None),
            seconds=rounds * median(durations) if durations else None,
        )
