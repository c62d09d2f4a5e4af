"""Explain the times at which a schedule would fire if its definition did not exclude them, or had been there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from application.queries.explain_day.entries import DayReason, DayState, ExplainedTicks
from application.queries.explain_day.situation import Situation
from application.queries.explain_day.tick_ranges import measure_ticks
from application.queries.explain_day.timeline import Segment
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.ticks import find_next_tick

_MICROSECOND: Final = timedelta(microseconds=1)


def explain_excluded(segment: Segment[ScheduleDefinition], situation: Situation) -> Iterator[ExplainedTicks]:
    """Yield the times of a segment that `skip`, `start` and `end` exclude."""
    schedule, since, until = segment.item, segment.since, segment.until
    if schedule.start is not None and schedule.start > since:
        yield from _explain(segment, since, min(schedule.start, until), DayReason.BEFORE_START, situation, until=schedule.start)
    if schedule.end is not None and schedule.end < until:
        yield from _explain(segment, max(since, schedule.end + _MICROSECOND), until, DayReason.AFTER_END, situation, until=schedule.end)
    if segment.day.day in schedule.skip:
        first, last = max(since, schedule.start or since), min(until, schedule.end + _MICROSECOND if schedule.end else until)
        yield from _explain(segment, first, last, DayReason.SKIP_DATE, situation)


def explain_undefined(segments: Sequence[Segment[ScheduleDefinition]], situation: Situation) -> Iterator[ExplainedTicks]:
    """Yield the times of the day at which a schedule would have fired before it was added, or after it was removed."""
    position = segments[0].day.start
    for segment in segments:
        if segment.since > position:
            yield from _explain(
                segment, position, segment.since, DayReason.NOT_DEFINED, situation, until=segment.since, revision=segment.revision
            )
        position = segment.until
    last = segments[-1]
    if last.removed_by is not None and last.until < last.day.end:
        yield from _explain(
            last, last.until, last.day.end, DayReason.NO_LONGER_DEFINED, situation, until=last.until, revision=last.removed_by
        )


def explain_other_day(segment: Segment[ScheduleDefinition], situation: Situation) -> ExplainedTicks:
    """Return that the schedule does not fire on this day, and when it fires next after it."""
    day = segment.day
    if day.start == day.end:
        return _build(segment, day.start, day.end, 0, DayReason.NO_SUCH_DAY)
    following = find_next_tick(segment.item, day.end - _MICROSECOND, situation.iterate_cron)
    return _build(segment, day.start, day.end - _MICROSECOND, 0, DayReason.OTHER_DAY, until=following)


def _explain(
    segment: Segment[ScheduleDefinition],
    since: datetime,
    end: datetime,
    reason: DayReason,
    situation: Situation,
    *,
    until: datetime | None = None,
    revision: int | None = None,
) -> Iterator[ExplainedTicks]:
    unlimited = replace(segment.item, start=None, end=None, skip=())
    found = measure_ticks(unlimited, segment.day, since, end, situation.iterate_cron)
    if found is not None:
        yield _build(segment, found.first, found.last, found.count, reason, until, None if revision is None else f"revision {revision}")


def _build(
    segment: Segment[ScheduleDefinition],
    start: datetime,
    end: datetime,
    count: int,
    reason: DayReason,
    until: datetime | None = None,
    message: str | None = None,
) -> ExplainedTicks:
    return ExplainedTicks(segment.item.name, segment.day.zone, start, end, count, DayState.NOT_DUE, reason.value, message, until=until)
