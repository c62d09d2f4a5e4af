"""Explain the ticks of a schedule that the ledger does not have: those to come, those of a pause that goes on, and those that are lost."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from application.queries.explain_day.entries import DayReason, DayState, ExplainedTicks
from application.queries.explain_day.recorded_ticks import Gap, split_gap
from application.queries.explain_day.situation import Situation
from application.queries.explain_day.tick_ranges import TickRange, measure_ticks
from application.queries.explain_day.timeline import Segment
from application.queries.views.schedules import ScheduleView
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.tick import TickReason
from domain.schedules.ticks import get_jitter, get_schedule_key

_MICROSECOND: Final = timedelta(microseconds=1)


def explain_gap(
    segment: Segment[ScheduleDefinition], gap: Gap, apart: tuple[datetime, ...], situation: Situation
) -> Iterator[ExplainedTicks]:
    """Yield an entry for each part of a gap that has ticks. Each tick in `apart` has an entry of its own."""
    view = situation.schedules.get(segment.item.name)
    if view is not None and view.definition != segment.item:
        view = None
    cuts = [situation.now + _MICROSECOND, *apart, *(at + _MICROSECOND for at in apart), *_list_cuts(view, situation)]
    for part in split_gap(gap, cuts):
        found = measure_ticks(segment.item, segment.day, part.since, part.until, situation.iterate_cron)
        if found is not None:
            yield _explain(segment, found, view, situation)


def _list_cuts(view: ScheduleView | None, situation: Situation) -> list[datetime]:
    ends = [situation.ledger_start, situation.activation.paused_until]
    if view is not None:
        ends += [view.next_due_at, view.paused_until]
    return [end for end in ends if end is not None]


def _explain(segment: Segment[ScheduleDefinition], found: TickRange, view: ScheduleView | None, situation: Situation) -> ExplainedTicks:
    state, reason, message, until = _find_reason(segment, found, view, situation)
    return ExplainedTicks(
        segment.item.name, segment.day.zone, found.first, found.last, found.count, state, reason.value, message, until=until
    )


def _find_reason(
    segment: Segment[ScheduleDefinition], found: TickRange, view: ScheduleView | None, situation: Situation
) -> tuple[DayState, DayReason | TickReason, str | None, datetime | None]:
    """Return the state and the reason, with the person who paused and the end of a pause or a delay."""
    is_undecided = view is not None and view.next_due_at is not None and found.first >= view.next_due_at
    is_future = found.first > situation.now
    if is_undecided and view is not None and (held := find_hold(view, situation, found.first)) is not None:
        reason, by, until = held
        return (DayState.DUE if is_future else DayState.PAUSED), reason, by, until
    if is_future and view is not None:
        return DayState.DUE, DayReason.TO_COME, None, None
    if is_undecided:
        fire_at = found.first + get_jitter(get_schedule_key(situation.pipeline_id, segment.item.name), found.first, segment.item.jitter)
        if fire_at > situation.now:
            return DayState.DUE, DayReason.DELAYED, None, fire_at
        return DayState.DUE, DayReason.BEING_DECIDED, None, None
    if situation.ledger_start is not None and found.last < situation.ledger_start:
        return DayState.UNKNOWN, DayReason.BEFORE_LEDGER, None, situation.ledger_start
    return DayState.UNKNOWN, DayReason.NOT_RECORDED, None, None


def find_hold(view: ScheduleView, situation: Situation, at: datetime) -> tuple[TickReason, str | None, datetime | None] | None:
    """Return what keeps a tick at this time from firing as things are now, by whom and until when; None if nothing does."""
    activation = situation.activation
    if activation.is_archived:
        return TickReason.ARCHIVED, activation.archived_by, None
    if view.paused_at is not None and (view.paused_until is None or at < view.paused_until):
        return TickReason.PAUSED, view.paused_by, view.paused_until
    if activation.paused_at is not None and (activation.paused_until is None or at < activation.paused_until):
        return TickReason.PAUSED, activation.paused_by, activation.paused_until
    return None
