"""Computes which ticks a backfill runs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from application.commands.runs.run_opener import RunOpener, TriggerCommand
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import UnitOfWork
from application.ports.system.cron_expressions import CronExpressions
from domain.backfills.plan import MAX_TICKS, BackfillPlan, choose_ticks
from domain.backfills.request import BackfillRequest, build_plan, choose_schedule
from domain.errors import InvalidInput, NotFound
from domain.pipelines.activation import check_not_archived
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.ticks import find_ticks

MAX_COUNTED: Final = 100_000
"""Ticks that are counted for the sentence that refuses a request."""
_INSTANT: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PlannedBackfill:
    """A plan with its ticks in run order, and the number of ticks that are skipped because they have runs."""

    pipeline: StoredPipeline
    plan: BackfillPlan
    due: Sequence[datetime]
    existing: int
    first: TriggerCommand
    """The trigger of the first tick, whose parameters were checked."""


@dataclass(frozen=True, slots=True)
class BackfillPlanner:
    """Plans a backfill without storing anything."""

    cron_expressions: CronExpressions
    run_opener: RunOpener

    async def plan(self, work: UnitOfWork, ref: PipelineRef, request: BackfillRequest) -> PlannedBackfill:
        """Return the plan of a request, which is checked as a trigger of its first tick would be. The pipeline is not locked.

        Raises NotFound; Conflict `archived`; InvalidInput, also for more than MAX_TICKS ticks, or none.
        """
        pipeline = await work.pipelines.find(ref)
        if pipeline is None:
            raise NotFound("pipeline", ref)
        check_not_archived(pipeline.name, pipeline.activation)
        schedule, schedule_id = await self._find_schedule(work, pipeline, request)
        plan = build_plan(request, schedule, schedule_id, self.run_opener.clock.now())
        ticks = await asyncio.to_thread(self._find_ticks, schedule, plan)
        _check_count(ticks)
        newest = await work.backfills.find_newest_runs(pipeline.id, schedule_id, plan.since, plan.until)
        chosen = choose_ticks(plan, ticks, newest)
        first = TriggerCommand(pipeline.id, plan.get_parameters(ticks[0]))
        if problems := self.run_opener.find_problems(pipeline, first):
            raise InvalidInput(problems)
        return PlannedBackfill(pipeline, plan, chosen, len(ticks) - len(chosen), first)

    async def _find_schedule(
        self, work: UnitOfWork, pipeline: StoredPipeline, request: BackfillRequest
    ) -> tuple[ScheduleDefinition, int | None]:
        schedule = choose_schedule(request, pipeline.definition.schedules)
        if schedule is None:
            raise NotFound("schedule", request.schedule, f"pipeline {pipeline.name}")
        if request.cron is not None:
            cron = schedule.recurrence.cron or ""
            if problem := self.cron_expressions.find_problem(cron):
                raise InvalidInput.for_field("cron", problem)
            return schedule, None
        stored = next((each for each in await work.schedules.list_of(pipeline.id) if each.name == schedule.name), None)
        if stored is None:
            raise NotFound("schedule", schedule.name, f"pipeline {pipeline.name}")
        return schedule, stored.id

    def _find_ticks(self, schedule: ScheduleDefinition, plan: BackfillPlan) -> list[datetime]:
        """Return the ticks of the plan's range, up to MAX_COUNTED and one more."""
        end = plan.until if schedule.end is None else min(schedule.end, plan.until)
        limited = replace(schedule, end=end)
        ticks = find_ticks(limited, plan.since - _INSTANT, self.cron_expressions.iterate)
        return list(islice(ticks, MAX_COUNTED + 1))


def _check_count(ticks: Sequence[datetime]) -> None:
    if not ticks:
        raise InvalidInput.for_field("from", "must be earlier: there is no tick from then to the end")
    if len(ticks) > MAX_TICKS:
        count = f"{len(ticks):,}" if len(ticks) <= MAX_COUNTED else f"more than {MAX_COUNTED:,}"
        raise InvalidInput.for_field("to", f"selects {count} ticks, but a backfill has at most {MAX_TICKS:,}: choose a shorter time")
