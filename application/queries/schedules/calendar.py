"""Count the ticks of all pipelines in a span of time: those that were decided, and those that are due."""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from application.ports.queries.reader import Reader
from application.ports.system.cron_expressions import CronExpressions
from application.queries.views.schedules import ScheduleView, TickCount
from domain.schedules.ticks import EPOCH, find_ticks

MAX_DECIDED: Final = 10_000
MAX_SCHEDULES: Final = 1_000
MAX_COMPUTED: Final = 20_000
"""Ticks that are computed one by one. Those of plain intervals are counted without that."""
_SHARE: Final = 10_080
"""Ticks of one schedule: one a minute for a week."""
_INSTANT: Final = timedelta(microseconds=1)


class DueCount(NamedTuple):
    """The number of a pipeline's ticks that are due in a span of time that begins at `start`."""

    pipeline_id: int
    pipeline: str
    start: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """The ticks of a period by pipeline and span of time. `is_complete` is False if there were too many to count all."""

    decided: Sequence[TickCount]
    due: Sequence[DueCount]
    is_complete: bool
    upcoming: Sequence[ScheduleView] = ()


@dataclass(frozen=True, slots=True)
class LoadCalendar:
    """Return the calendar from `start` to `end`, counted in steps. Schedules that are paused have no ticks to come."""

    reader: Reader
    cron_expressions: CronExpressions
    max_computed: int = MAX_COMPUTED

    async def __call__(self, start: datetime, end: datetime, step: timedelta, now: datetime) -> Calendar:
        decided = await self.reader.tick_counts(start, end, step, MAX_DECIDED)
        upcoming = await self.reader.upcoming_schedules(end, MAX_SCHEDULES) if end > now else []
        due, is_complete = await asyncio.to_thread(self._count_due, upcoming, start, end, step)
        is_complete = is_complete and len(upcoming) < MAX_SCHEDULES and sum(count.count for count in decided) < MAX_DECIDED
        return Calendar(decided, due, is_complete, upcoming)

    def _count_due(self, schedules: Sequence[ScheduleView], start: datetime, end: datetime, step: timedelta) -> tuple[list[DueCount], bool]:
        counts: Counter[tuple[int, str, int]] = Counter()
        left, is_complete = self.max_computed, True
        for schedule in schedules:
            if schedule.next_due_at is None:
                continue
            since = max(start, schedule.next_due_at)
            if (by_span := _count_intervals(schedule, since, start, end, step)) is None:
                ticks = list(islice(self._find_ticks(schedule, since, end), min(left, _SHARE) + 1))
                is_complete = is_complete and len(ticks) <= min(left, _SHARE)
                left -= len(ticks)
                by_span = Counter((tick - start) // step for tick in ticks)
                if left <= 0:
                    is_complete = False
                    break
            for span, count in by_span.items():
                counts[schedule.pipeline_id, schedule.pipeline, span] += count
        return [DueCount(id, name, start + span * step, count) for (id, name, span), count in counts.items()], is_complete

    def _find_ticks(self, schedule: ScheduleView, since: datetime, end: datetime) -> Iterator[datetime]:
        definition = schedule.definition
        until = end - _INSTANT
        last = until if definition.end is None else min(until, definition.end)
        return find_ticks(replace(definition, end=last), since - _INSTANT, self.cron_expressions.iterate)


def _count_intervals(schedule: ScheduleView, since: datetime, start: datetime, end: datetime, step: timedelta) -> Counter[int] | None:
    """Return the counts of a schedule with a plain interval; None for others."""
    definition = schedule.definition
    every, offset = definition.recurrence.every, definition.recurrence.offset
    if every is None or definition.skip:
        return None
    counts: Counter[int] = Counter()
    until = end if definition.end is None else min(end, definition.end + _INSTANT)
    span_start = start
    for span in range(-(-(end - start) // step)):
        low, high = max(span_start, since), min(span_start + step, until)
        if high > low:
            counts[span] = _count_before(high, every, offset) - _count_before(low, every, offset)
        span_start += step
    return +counts


def _count_before(at: datetime, every: float, offset: float) -> int:
    """Return the number of multiples of the interval before an instant, since the epoch."""
    return math.ceil(((at - EPOCH).total_seconds() - offset) / every)
