"""Count the ticks of a part of a day."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import Final

from application.queries.explain_day.timeline import LocalDay
from domain.schedules.definition import Recurrence, ScheduleDefinition
from domain.schedules.ticks import EPOCH, IterateCron, find_ticks
from domain.schedules.zones import to_local

MAX_CACHED: Final = 64
"""Days whose ticks are kept: at most 1,500 of each."""
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TickRange:
    """The first and the last tick of a span of time, and their number."""

    first: datetime
    last: datetime
    count: int


def measure_ticks(
    schedule: ScheduleDefinition, day: LocalDay, since: datetime, until: datetime, iterate_cron: IterateCron
) -> TickRange | None:
    """Return the ticks of the day from `since` to `until`, which is excluded; None if there are none."""
    since = max(since, day.start, schedule.start or since, EPOCH)
    until = min(until, day.end, schedule.end + _MICROSECOND if schedule.end is not None else until)
    if since >= until:
        return None
    recurrence = schedule.recurrence
    if recurrence.every is not None:
        is_skipped = day.day in schedule.skip
        return None if is_skipped else _measure_interval(round(recurrence.every), round(recurrence.offset), since, until)
    ticks = _list_ticks(recurrence, day.start, day.end, iterate_cron)
    found = ticks[bisect_left(ticks, since) : bisect_left(ticks, until)]
    if schedule.skip:
        found = [tick for tick in found if to_local(tick, day.zone).date() not in schedule.skip]
    return TickRange(found[0], found[-1], len(found)) if found else None


@lru_cache(MAX_CACHED)
def _list_ticks(recurrence: Recurrence, since: datetime, until: datetime, iterate_cron: IterateCron) -> Sequence[datetime]:
    return list(takewhile(lambda tick: tick < until, find_ticks(recurrence, since - _MICROSECOND, iterate_cron)))


def _measure_interval(every: int, offset: int, since: datetime, until: datetime) -> TickRange | None:
    low, high = (math.ceil(((at - EPOCH).total_seconds() - offset) / every) for at in (since, until))
    if high <= low:
        return None
    first = EPOCH + timedelta(seconds=low * every + offset)
    return TickRange(first, first + timedelta(seconds=(high - low - 1) * every), high - low)
