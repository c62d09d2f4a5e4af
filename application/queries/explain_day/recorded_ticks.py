"""Explain the ticks of a schedule that the ledger has, and find the spans of time in between."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from application.queries.explain_day.entries import MAX_RUN_IDS, DayReason, DayState, ExplainedTicks
from application.queries.explain_day.situation import Situation
from application.queries.explain_day.tick_ranges import measure_ticks
from application.queries.explain_day.timeline import Segment
from application.queries.views.ticks import TickGroup
from application.services.schedules.tick_messages import parse_overlap
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.tick import TickReason, TickState

_MICROSECOND: Final = timedelta(microseconds=1)


class Gap(NamedTuple):
    """A span of time, without its end, of which the ledger has no tick."""

    since: datetime
    until: datetime


def explain_recorded(
    segment: Segment[ScheduleDefinition], groups: Sequence[TickGroup], situation: Situation
) -> tuple[list[ExplainedTicks], list[Gap]]:
    """Return what became of the stored ticks, and the spans without any. The groups are those of the segment, in order."""
    entries: list[ExplainedTicks] = []
    gaps: list[Gap] = []
    position = segment.since
    for group in groups:
        if group.is_before:
            counted_until = _find_counted_end(group, segment.since, groups, segment)
            if (found := measure_ticks(segment.item, segment.day, segment.since, counted_until, situation.iterate_cron)) is not None:
                entries.append(_explain(segment, group, found.first, found.last, found.count))
                position = max(position, counted_until)
            continue
        if group.first_due_at > position and not group.is_mixed:
            gaps.append(Gap(position, group.first_due_at))
        end, count, position = group.last_due_at, group.count, max(position, group.last_due_at + _MICROSECOND)
        if group.last_count > 1 and not group.is_mixed:
            counted_until = _find_counted_end(group, position, groups, segment)
            found = measure_ticks(segment.item, segment.day, position, counted_until, situation.iterate_cron)
            end, count = (found.last, count - group.last_count + 1 + found.count) if found else (end, count - group.last_count + 1)
            position = max(position, counted_until)
        entries.append(_explain(segment, group, group.first_due_at, end, count))
    gaps.append(Gap(position, segment.until))
    return entries, [gap for gap in gaps if gap.since < gap.until]


def _find_counted_end(group: TickGroup, position: datetime, groups: Sequence[TickGroup], segment: Segment[ScheduleDefinition]) -> datetime:
    """Return the end of the span whose ticks the last row of a group counts: they were due when it was decided, and have no rows."""
    following = next((each.first_due_at for each in groups if each.first_due_at > group.last_due_at), segment.until)
    return max(position, min(following, group.last_decided_at + _MICROSECOND, segment.until))


def _explain(segment: Segment[ScheduleDefinition], group: TickGroup, start: datetime, end: datetime, count: int) -> ExplainedTicks:
    is_queued = group.is_queued and group.state in (TickState.FIRED, TickState.LATE)
    return ExplainedTicks(
        segment.item.name,
        segment.day.zone,
        start,
        end,
        count,
        DayState(group.state.value),
        DayReason.LIMIT.value if is_queued and group.is_limited else group.reason.value if group.reason else None,
        group.message,
        group.run_ids[:MAX_RUN_IDS],
        group.runs,
        parse_overlap(group.message) if group.reason is TickReason.OVERLAP else None,
        until=group.last_decided_at if group.state is TickState.LATE else None,
        is_queued=is_queued,
        is_mixed=group.is_mixed,
    )


def split_gap(gap: Gap, cuts: Sequence[datetime]) -> Iterator[Gap]:
    """Yield the parts of a gap between the times at which an explanation may change."""
    position = gap.since
    for cut in sorted(cut for cut in cuts if gap.since < cut < gap.until):
        if cut > position:
            yield Gap(position, cut)
            position = cut
    yield Gap(position, gap.until)
