"""Decides the ticks of one schedule that are due: which open a run, which wait, and why the others do not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from application.ports.persistence.schedules import StoredSchedule
from application.services.schedules.schedule_times import DueTicks, TickTime, move_to
from application.services.schedules.tick_messages import MESSAGES, SUPERSEDED_BY_TICK, describe_overlap
from application.services.schedules.unrun_ticks import create_unrun_ticks
from domain.schedules.catch_up import is_late, plan_catch_up
from domain.schedules.definition import CatchUpPolicy, OverlapPolicy, ScheduleDefinition
from domain.schedules.overlap import OverlapAction, decide_overlap
from domain.schedules.tick import Tick, TickReason, TickState

MAX_MESSAGE: Final = 1_000
FindProblem = Callable[[datetime], str | None]
"""Returns why the parameters of the tick at this time are invalid; None if they are not."""


@dataclass(slots=True)
class TickPlan:
    """The decisions about a schedule's ticks, by their times. The runs of `starts` are to be opened, those of `cancels`, by id, cancelled.

    `blocked_by_start` are the ticks that the first start keeps from running. `stored` are the ticks that are stored already.
    """

    schedule: StoredSchedule
    stored: Mapping[datetime, Tick]
    ticks: dict[datetime, Tick] = field(default_factory=dict)
    starts: list[datetime] = field(default_factory=list)
    blocked_by_start: list[datetime] = field(default_factory=list)
    cancels: Sequence[int] = ()

    @property
    def new(self) -> list[Tick]:
        return [tick for due_at, tick in sorted(self.ticks.items()) if due_at not in self.stored]

    @property
    def changed(self) -> list[Tick]:
        return [tick for due_at, tick in sorted(self.ticks.items()) if due_at in self.stored and tick != self.stored[due_at]]

    def skip_start(self, due_at: datetime, reason: TickReason, message: str) -> None:
        """Skip the tick of a start whose run was not opened."""
        self.ticks[due_at] = replace(self.ticks[due_at], state=TickState.SKIPPED, reason=reason, message=message[:MAX_MESSAGE])

    def name_run(self, due_at: datetime, run_id: int) -> None:
        """Name the run of a start in its tick, and the run of the first start in the ticks that it blocks."""
        self.ticks[due_at] = replace(self.ticks[due_at], run_id=run_id)
        if due_at == self.starts[0]:
            for blocked in self.blocked_by_start:
                self.ticks[blocked] = replace(self.ticks[blocked], message=describe_overlap(run_id))


class TickPlanner:
    """Plans the ticks of one locked schedule. `unfinished` are the ids of its runs, `open_ticks` those stored that may still change."""

    def __init__(
        self,
        schedule: StoredSchedule,
        definition: ScheduleDefinition,
        unfinished: Sequence[int],
        open_ticks: Sequence[Tick],
        find_problem: FindProblem,
        now: datetime,
    ) -> None:
        self._schedule, self._definition, self._unfinished = schedule, definition, unfinished
        self._find_problem, self._now = find_problem, now
        self._plan = TickPlan(schedule, {tick.due_at: tick for tick in open_ticks})
        self._waiting = [tick.due_at for tick in open_ticks if tick.state is TickState.WAITING]

    def plan(self, due: DueTicks) -> TickPlan:
        """Return the plan for the ticks that are due and those that wait."""
        self._start_waiting()
        if due.has_more:
            self._miss(dict.fromkeys(due.times, TickReason.OUTSIDE_WINDOW))
        else:
            self._plan_due(due.times)
        self._plan.schedule = move_to(self._schedule, due.next, due.times[-1].due_at if due.times else None)
        return self._plan

    def hold(self, due: DueTicks, shortage: str, retry_at: datetime) -> TickPlan:
        """Return the plan for a disk that is too full: the ticks are missed, and are planned again when there is space."""
        for time in due.times:
            if time.due_at not in self._plan.stored:
                self._decide(time, TickState.MISSED, TickReason.DISK_FULL, shortage)
        next_fire_at = min(retry_at, due.next.fire_at) if due.next is not None else retry_at
        self._plan.schedule = replace(self._schedule, next_fire_at=next_fire_at)
        return self._plan

    def _start_waiting(self) -> None:
        """Start the tick that has waited longest, or all if runs can overlap."""
        is_parallel = self._definition.overlap is OverlapPolicy.ALLOW
        while self._waiting and (is_parallel or (not self._unfinished and not self._plan.starts)):
            due_at = self._waiting.pop(0)
            self._start(TickTime(due_at, self._plan.stored[due_at].fire_at))

    def _plan_due(self, times: Sequence[TickTime]) -> None:
        missed = [time for time in times if is_late(time.fire_at, self._now)]
        plan = plan_catch_up(self._definition.catch_up, self._definition.catch_up_window, [time.due_at for time in missed], self._now)
        if len(missed) < len(times) and self._is_latest_blocking:
            plan = plan.drop_late()
        self._miss({time: plan.missed[time.due_at] for time in missed if time.due_at in plan.missed})
        late = set(plan.late)
        for time in times:
            if time.due_at in late or not is_late(time.fire_at, self._now):
                self._place(time)

    @property
    def _is_latest_blocking(self) -> bool:
        """Return True if the newest missed tick would keep one that is on time from running."""
        return self._definition.catch_up is CatchUpPolicy.LATEST and self._definition.overlap is OverlapPolicy.SKIP

    def _place(self, time: TickTime) -> None:
        """Start the tick, or let it wait, or skip it, by the policy for overlaps."""
        match decide_overlap(self._definition.overlap, len(self._unfinished) + len(self._plan.starts), len(self._waiting)):
            case OverlapAction.START:
                self._start(time)
            case OverlapAction.CANCEL:
                self._replace_earlier(time)
            case OverlapAction.WAIT:
                self._waiting.append(time.due_at)
                self._block(time, TickState.WAITING)
            case OverlapAction.SKIP:
                self._block(time, TickState.SKIPPED)

    def _start(self, time: TickTime) -> None:
        if (problem := self._find_problem(time.due_at)) is not None:
            self._decide(time, TickState.MISSED, TickReason.INVALID_PARAMETERS, problem[:MAX_MESSAGE])
            return
        self._plan.starts.append(time.due_at)
        if not is_late(time.fire_at, self._now):
            self._decide(time, TickState.FIRED)
        elif (stored := self._plan.stored.get(time.due_at)) is not None:
            self._decide(time, TickState.LATE, stored.reason, stored.message)
        else:
            self._decide(time, TickState.LATE, TickReason.OUTAGE, MESSAGES[TickReason.OUTAGE])

    def _replace_earlier(self, time: TickTime) -> None:
        """Skip the earlier ticks that have not started. Cancel the runs that are not over, and wait for their end."""
        for due_at in (*self._waiting, *self._plan.starts):
            earlier = self._plan.ticks.get(due_at) or self._plan.stored[due_at]
            self._decide(TickTime(due_at, earlier.fire_at), TickState.SKIPPED, TickReason.OVERLAP, SUPERSEDED_BY_TICK)
        self._waiting.clear()
        self._plan.starts.clear()
        if self._unfinished:
            self._plan.cancels = self._unfinished
            self._waiting.append(time.due_at)
            self._block(time, TickState.WAITING)
        else:
            self._start(time)

    def _block(self, time: TickTime, state: TickState) -> None:
        """Record that an earlier run, or an earlier tick, is in the tick's way."""
        self._decide(time, state, TickReason.OVERLAP, describe_overlap(self._unfinished[0] if self._unfinished else None))
        if not self._unfinished and self._plan.starts:
            self._plan.blocked_by_start.append(time.due_at)

    def _miss(self, reasons: Mapping[TickTime, TickReason]) -> None:
        missed = {time: reason for time, reason in reasons.items() if time.due_at not in self._plan.stored}
        for tick in create_unrun_ticks(self._schedule, missed, TickState.MISSED, self._now):
            self._plan.ticks[tick.due_at] = tick

    def _decide(self, time: TickTime, state: TickState, reason: TickReason | None = None, message: str | None = None) -> None:
        schedule = self._schedule
        self._plan.ticks[time.due_at] = Tick(
            schedule.id, schedule.pipeline_id, time.due_at, time.fire_at, state, self._now, reason=reason, message=message
        )
