"""Rows for ticks that never run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice

from application.ports.persistence.schedules import StoredSchedule
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.schedules.schedule_times import ScheduleTimes, TickTime, move_to
from application.services.schedules.tick_messages import MESSAGES
from domain.schedules.catch_up import plan_catch_up
from domain.schedules.definition import CatchUpPolicy, ScheduleDefinition
from domain.schedules.tick import Tick, TickReason, TickState

MAX_ROWS = 1_000
"""Ticks with a row of their own. Older ones share a row with their count."""
CAUGHT_UP = "The schedule was paused at that time. Its run was requested when the schedule resumed."
_STATES = {TickReason.PAUSED: TickState.PAUSED, TickReason.ARCHIVED: TickState.PAUSED, TickReason.REMOVED: TickState.SKIPPED}


def create_unrun_ticks(schedule: StoredSchedule, reasons: Mapping[TickTime, TickReason], state: TickState, now: datetime) -> list[Tick]:
    """Return the ticks with the reason of each, in ascending order."""
    shared = max(0, len(reasons) - MAX_ROWS)
    ticks = [_create(schedule, time, state, reason, now) for time, reason in islice(reasons.items(), shared, None)]
    if shared:
        time, reason = next(iter(reasons.items()))
        ticks.insert(0, _create(schedule, time, state, reason, now, count=shared))
    return ticks


async def record_undecided_ticks(
    work: UnitOfWork,
    schedule: StoredSchedule,
    definition: ScheduleDefinition,
    times: ScheduleTimes,
    now: datetime,
    reason: TickReason,
    catch_up: CatchUpPolicy = CatchUpPolicy.NONE,
    until: datetime | None = None,
) -> StoredSchedule:
    """Store the ticks until a time, now by default, that were not decided. Return the schedule with its next tick, not saved yet.

    The ticks that `catch_up` chooses wait, and their runs are opened one after another.
    """
    stored = {tick.due_at for tick in await work.ticks.list_open([schedule.id])}
    has_more = True
    while has_more:
        due = await times.collect_due(schedule, definition, until or now)
        has_more = due.has_more
        undecided = [time for time in due.times if time.due_at not in stored]
        policy = CatchUpPolicy.NONE if has_more else catch_up
        chosen = set(plan_catch_up(policy, definition.catch_up_window, [time.due_at for time in undecided], now).late)
        unrun = dict.fromkeys((time for time in undecided if time.due_at not in chosen), reason)
        await work.ticks.add(create_unrun_ticks(schedule, unrun, _STATES[reason], now))
        await work.ticks.add(
            [_create(schedule, time, TickState.WAITING, reason, now, CAUGHT_UP) for time in undecided if time.due_at in chosen]
        )
        schedule = move_to(schedule, due.next, due.times[-1].due_at if due.times else None)
    return schedule


async def skip_waiting_ticks(work: UnitOfWork, schedules: Sequence[StoredSchedule], now: datetime, reason: TickReason) -> None:
    """Store that the waiting ticks of the schedules never run."""
    waiting = [tick for tick in await work.ticks.list_open([each.id for each in schedules]) if tick.state is TickState.WAITING]
    skipped = [replace(tick, state=_STATES[reason], reason=reason, message=MESSAGES[reason], decided_at=now) for tick in waiting]
    await work.ticks.save(skipped)


def _create(
    schedule: StoredSchedule,
    time: TickTime,
    state: TickState,
    reason: TickReason,
    now: datetime,
    message: str | None = None,
    count: int = 1,
) -> Tick:
    return Tick(schedule.id, schedule.pipeline_id, *time, state, now, None, reason, message or MESSAGES.get(reason), count)
