"""Say which ticks of a day a clock change moved, and which times it left out or repeated."""

from collections.abc import Sequence
from dataclasses import replace

from application.queries.explain_day.entries import DayReason, DayState, ExplainedTicks
from application.queries.explain_day.timeline import Segment
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.shifted_times import ShiftedTimes

MAX_APART = 20
"""Ticks at a clock change that have an entry of their own."""


def list_apart(shifts: Sequence[ShiftedTimes]) -> tuple[ShiftedTimes, ...]:
    """Return a shift for each tick that a clock change moved, or that fires once for two times. Others follow elapsed time."""
    ticks = []
    for shift in shifts:
        for tick in shift.ticks[:MAX_APART]:
            times = shift.times if shift.change.is_forward else (shift.times[shift.ticks.index(tick)],)
            ticks.append(replace(shift, times=times, ticks=(tick,)))
    return tuple(ticks)


def add_shifts(
    segment: Segment[ScheduleDefinition], entries: Sequence[ExplainedTicks], shifts: Sequence[ShiftedTimes]
) -> list[ExplainedTicks]:
    """Return the entries, and what the clock changes did. A tick that has an entry of its own is explained there."""
    alone = {entry.start: index for index, entry in enumerate(entries) if entry.count == 1 and entry.start == entry.end}
    found = list(entries)
    for shift in shifts:
        apart = list_apart([shift])
        for each in apart:
            if (index := alone.get(each.ticks[0])) is not None:
                found[index] = replace(found[index], shift=each)
            elif not segment.day.start <= each.ticks[0] < segment.day.end:
                found.append(_build_note(segment, each))
        if not apart:
            found.append(_build_note(segment, shift))
    return found


def _build_note(segment: Segment[ScheduleDefinition], shift: ShiftedTimes) -> ExplainedTicks:
    at = shift.change.at
    return ExplainedTicks(segment.item.name, segment.day.zone, at, at, 0, DayState.CHANGED_CLOCK, DayReason.CLOCK_CHANGE.value, shift=shift)
