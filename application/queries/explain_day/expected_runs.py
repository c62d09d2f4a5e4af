"""Explain the runs of a day that other machines were expected to start."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from application.queries.explain_day.entries import MAX_RUN_IDS, DayReason, DayState, ExplainedTicks
from application.queries.explain_day.situation import Situation
from application.queries.explain_day.timeline import Segment
from application.queries.schedules.expectations import to_reported_runs
from application.queries.views.runs import RunTimes
from domain.schedules.definition import Expectation
from domain.schedules.expectation_words import describe_expected
from domain.schedules.expectations import ExpectedState, ExpectedTick, judge_ticks, list_expected_ticks
from domain.schedules.tick import TickReason
from domain.schedules.ticks import find_last_tick, find_next_tick
from domain.schedules.words import ExplainCron

MAX_TICKS: Final = 20_000
"""More than a day has of the shortest interval."""
_MICROSECOND: Final = timedelta(microseconds=1)
_STATES: Final = {
    ExpectedState.EXPECTED: (DayState.DUE, DayReason.TO_COME),
    ExpectedState.MET: (DayState.FIRED, DayReason.REPORTED),
    ExpectedState.LATE: (DayState.LATE, DayReason.REPORTED),
    ExpectedState.MISSED: (DayState.MISSED, DayReason.NOT_REPORTED),
}


def find_judged_span(segment: Segment[Expectation], situation: Situation) -> tuple[datetime, datetime]:
    """Return the time of the tick before the segment and of the tick after it: their runs are not those of the segment's ticks."""
    recurrence, iterate = segment.item.recurrence, situation.iterate_cron
    before = find_last_tick(recurrence, segment.since - _MICROSECOND, iterate) or segment.since
    after = find_next_tick(recurrence, segment.until - _MICROSECOND, iterate)
    grace = timedelta(seconds=segment.item.grace)
    return min(before, segment.since), max(after or segment.until, segment.until + grace)


def explain_expected(
    segment: Segment[Expectation], runs: Sequence[RunTimes], situation: Situation, explain_cron: ExplainCron
) -> list[ExplainedTicks]:
    """Return what became of the ticks of a segment. `runs` are those of its judged span."""
    first, last = find_judged_span(segment, situation)
    ticks = list_expected_ticks(segment.item, first - _MICROSECOND, last, situation.iterate_cron, MAX_TICKS)
    judged = [tick for tick in judge_ticks(ticks, to_reported_runs(runs), situation.now) if segment.since <= tick.due_at < segment.until]
    return list(_join(segment, judged, situation, describe_expected(segment.item, explain_cron)))


def _join(segment: Segment[Expectation], ticks: Sequence[ExpectedTick], situation: Situation, words: str) -> Iterator[ExplainedTicks]:
    for (state, reason), group in groupby(ticks, lambda tick: _judge(tick, situation)):
        joined = list(group)
        runs = [tick.run for tick in joined if tick.run is not None]
        yield ExplainedTicks(
            words,
            segment.day.zone,
            joined[0].due_at,
            joined[-1].due_at,
            len(joined),
            state,
            reason.value,
            run_ids=[run.id for run in runs[:MAX_RUN_IDS]],
            runs=len(runs),
            until=runs[-1].started_at if runs else joined[-1].closes_at,
            is_expectation=True,
        )


def _judge(tick: ExpectedTick, situation: Situation) -> tuple[DayState, DayReason | TickReason]:
    """Return the state and the reason. Nothing is missed in a pause, or after the pipeline was archived."""
    activation = situation.activation
    if tick.run is None and activation.archived_at is not None and tick.closes_at >= activation.archived_at:
        return DayState.PAUSED, TickReason.ARCHIVED
    if tick.run is None and activation.is_paused(situation.now) and activation.paused_at is not None:
        is_over = activation.paused_until is not None and tick.due_at >= activation.paused_until
        if tick.closes_at >= activation.paused_at and not is_over:
            return DayState.PAUSED, TickReason.PAUSED
    return _STATES[tick.state]
