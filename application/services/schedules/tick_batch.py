"""Decides the ticks of locked schedules and opens their runs, in one transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from application.commands.runs.run_opener import OpenedRun, OpeningRuns, RunOpener, TriggerCommand
from application.observability.tick_tracer import TickTracer
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import LockedSchedule
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.schedules.schedule_times import ScheduleTimes, find_definition, move_to
from application.services.schedules.scheduled_trigger import build_trigger
from application.services.schedules.tick_planner import TickPlan, TickPlanner
from application.services.schedules.unrun_ticks import skip_waiting_ticks
from domain.errors import InvalidInput, TooManyWaiting
from domain.runs.run import Run
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.tick import Tick, TickReason
from domain.site_events import SiteEvent, SiteEventType

DISK_RETRY: Final = timedelta(seconds=10)
"""How often a schedule is looked at while the disk is too full."""


@dataclass(frozen=True, slots=True)
class PlannedSchedule:
    """A schedule with the plan for its ticks."""

    plan: TickPlan
    pipeline: StoredPipeline
    definition: ScheduleDefinition


@dataclass(frozen=True, slots=True)
class DecidedTicks:
    """The ticks that a transaction added or changed, and the runs that it cancelled."""

    ticks: Sequence[Tick]
    cancelled: Sequence[Run]


@dataclass(frozen=True, slots=True)
class TickBatch:
    """Decides the ticks of several schedules. They share each statement."""

    times: ScheduleTimes
    run_opener: RunOpener
    tracer: TickTracer

    async def decide(self, work: UnitOfWork, locked: Sequence[LockedSchedule], opening: OpeningRuns, now: datetime) -> DecidedTicks:
        """Store what becomes of the due and the waiting ticks of the schedules, and open their runs."""
        planned = await self._plan(work, locked, now)
        await self._open_runs(work, planned, opening)
        cancelled = await _cancel_runs(work, planned, opening.locked, now)
        await work.schedules.save([each.plan.schedule for each in planned])
        new = [tick for each in planned for tick in each.plan.new]
        changed = [tick for each in planned for tick in each.plan.changed]
        await work.ticks.add(new)
        await work.ticks.save(changed)
        await work.site_events.add(_create_events(planned, now))
        return DecidedTicks([*new, *changed], cancelled)

    async def _plan(self, work: UnitOfWork, locked: Sequence[LockedSchedule], now: datetime) -> list[PlannedSchedule]:
        ids = [schedule.id for schedule, _ in locked]
        unfinished = await work.runs.find_unfinished(ids)
        open_ticks: defaultdict[int, list[Tick]] = defaultdict(list)
        for tick in await work.ticks.list_open(ids):
            open_ticks[tick.schedule_id].append(tick)
        shortage = self.run_opener.disk_space.shortage()
        planned = []
        for schedule, pipeline in locked:
            if (definition := find_definition(pipeline, schedule.name)) is None:  # a fault, which must not repeat for ever
                await skip_waiting_ticks(work, [schedule], now, TickReason.REMOVED)
                await work.schedules.save([move_to(schedule, None, None)])
                continue
            find_problem = partial(self._find_problem, LockedSchedule(schedule, pipeline), definition)
            planner = TickPlanner(schedule, definition, unfinished[schedule.id], open_ticks[schedule.id], find_problem, now)
            due = await self.times.collect_due(schedule, definition, now)
            plan = planner.plan(due) if shortage is None else planner.hold(due, shortage, now + DISK_RETRY)
            planned.append(PlannedSchedule(plan, pipeline, definition))
        return planned

    async def _open_runs(self, work: UnitOfWork, planned: Sequence[PlannedSchedule], opening: OpeningRuns) -> None:
        """Open the runs of all starts, and name them in their ticks and in those that they block. Skip those that a limit refuses."""
        starts = [(each, due_at) for each in planned for due_at in each.plan.starts]
        if not starts:
            return
        commands = [(each.pipeline, self._build_trigger(each, due_at)) for each, due_at in starts]
        cancels = [run_id for each in planned for run_id in each.plan.cancels]
        for (each, due_at), opened in zip(starts, await opening.open_all(work, commands, cancels), strict=True):
            if isinstance(opened, OpenedRun):
                each.plan.name_run(due_at, opened.run.id)
            elif not isinstance(opened, InvalidInput):
                reason = TickReason.QUEUE_FULL if isinstance(opened, TooManyWaiting) else TickReason.LIMIT
                each.plan.skip_start(due_at, reason, str(opened))

    def _build_trigger(self, planned: PlannedSchedule, due_at: datetime) -> TriggerCommand:
        return self.tracer.start_trace(build_trigger(planned.plan.schedule, planned.definition, due_at), planned.pipeline.name)

    def _find_problem(self, locked: LockedSchedule, definition: ScheduleDefinition, due_at: datetime) -> str | None:
        problems = self.run_opener.find_problems(locked.pipeline, build_trigger(locked.schedule, definition, due_at))
        return str(InvalidInput(problems)) if problems else None


def _create_events(planned: Sequence[PlannedSchedule], now: datetime) -> list[SiteEvent]:
    """Return an event for the newest changed tick of each schedule. `count` is the number of ticks that changed."""
    events = []
    for each in planned:
        if ticks := sorted(each.plan.new + each.plan.changed, key=lambda tick: tick.due_at):
            newest, count = ticks[-1], sum(tick.count for tick in ticks)
            data: dict[str, Any] = {"schedule": each.plan.schedule.name, "due_at": newest.due_at.isoformat(), "state": newest.state.value}
            data |= {"run_id": newest.run_id, "count": count}
            events.append(SiteEvent(SiteEventType.TICK, now, each.pipeline.id, data=data))
    return events


async def _cancel_runs(work: UnitOfWork, planned: Sequence[PlannedSchedule], already_locked: Mapping[int, Run], now: datetime) -> list[Run]:
    """Cancel the runs that later ticks replace. Return those that were not over."""
    schedules = {run_id: each.plan.schedule.name for each in planned for run_id in each.plan.cancels}
    if not schedules:
        return []
    locked = already_locked if already_locked.keys() >= schedules.keys() else await work.runs.lock(sorted(schedules))
    runs = [run for run_id, run in locked.items() if run_id in schedules and not run.is_over]
    for run in runs:
        run.cancel(now, schedules[run.id], "The next tick of the schedule replaces this run.")
    await work.runs.save(*runs)
    return runs
