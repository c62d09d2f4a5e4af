"""Compute the ticks of schedules: the instants at which they are due, in UTC and without jitter."""

import hashlib
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from domain.schedules.cron_syntax import expand_cron_alias, is_at_fixed_times
from domain.schedules.definition import Recurrence, ScheduleDefinition
from domain.schedules.local_times import LAST_YEAR
from domain.schedules.zones import find_offset_change, find_zone, get_offset, to_instant, to_local

IterateCron = Callable[[str, datetime], Iterator[datetime]]
"""Yields the local times, without a zone, that five fields of cron match after a local time, in ascending order."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LONGEST_CHANGE: Final = timedelta(days=2)
_FIRST_WINDOW: Final = timedelta(minutes=2)
_LAST_WINDOW: Final = timedelta(days=20_000)
_WINDOW_GROWTH: Final = 8


def find_ticks(schedule: Recurrence | ScheduleDefinition, after: datetime, iterate_cron: IterateCron) -> Iterator[datetime]:
    """Yield the ticks after an instant, in ascending order, up to the year 2999. A schedule's `start`, `end` and `skip` apply."""
    if isinstance(schedule, Recurrence):
        if after.year <= LAST_YEAR:
            yield from _find_recurrence_ticks(schedule, max(after, EPOCH - _MICROSECOND), iterate_cron)
        return
    recurrence, zone = schedule.recurrence, get_zone(schedule.recurrence)
    if schedule.start is not None:
        after = max(after, schedule.start - _MICROSECOND)
    for tick in find_ticks(recurrence, after, iterate_cron):
        if schedule.end is not None and tick > schedule.end:
            return
        if not schedule.skip or to_local(tick, zone).date() not in schedule.skip:
            yield tick


def find_next_tick(schedule: Recurrence | ScheduleDefinition, after: datetime, iterate_cron: IterateCron) -> datetime | None:
    """Return the first tick after an instant, or None if there is none."""
    return next(find_ticks(schedule, after, iterate_cron), None)


def find_last_tick(schedule: Recurrence | ScheduleDefinition, until: datetime, iterate_cron: IterateCron) -> datetime | None:
    """Return the last tick up to and including an instant, or None if there is none within 55 years before it."""
    window = _FIRST_WINDOW
    while window < _LAST_WINDOW * _WINDOW_GROWTH:
        found = None
        for tick in find_ticks(schedule, until - min(window, _LAST_WINDOW), iterate_cron):
            if tick > until:
                break
            found = tick
        if found is not None:
            return found
        window *= _WINDOW_GROWTH
    return None


def get_schedule_key(pipeline_id: int, name: str) -> str:
    """Return the key of a pipeline's schedule for `get_jitter`."""
    return f"{pipeline_id}/{name}"


def get_jitter(schedule_key: str, due_at: datetime, jitter: float) -> timedelta:
    """Return the delay of a tick, less than `jitter` seconds. It depends on the arguments only, so all processes agree."""
    limit = math.floor(jitter * 1_000)
    if limit <= 0:
        return timedelta()
    digest = hashlib.sha256(f"{schedule_key} {due_at.astimezone(UTC).isoformat()}".encode()).digest()
    return timedelta(milliseconds=int.from_bytes(digest[:8], "big") % limit)


def get_zone(recurrence: Recurrence) -> tzinfo:
    """Return the recurrence's time zone."""
    return find_zone(recurrence.timezone) or UTC


def _find_recurrence_ticks(recurrence: Recurrence, after: datetime, iterate_cron: IterateCron) -> Iterator[datetime]:
    if recurrence.at is not None:
        if recurrence.at > after:
            yield recurrence.at
    elif recurrence.every is not None:
        yield from _find_interval_ticks(round(recurrence.every), round(recurrence.offset), after)
    elif recurrence.cron is not None:
        find = _find_fixed_ticks if is_at_fixed_times(recurrence.cron) else _find_elapsed_ticks
        yield from find(expand_cron_alias(recurrence.cron), get_zone(recurrence), after, iterate_cron)


def _find_interval_ticks(every: int, offset: int, after: datetime) -> Iterator[datetime]:
    elapsed = (after - EPOCH) // timedelta(seconds=1)
    tick = EPOCH + timedelta(seconds=(elapsed - offset) // every * every + offset)
    while tick.year <= LAST_YEAR:
        if tick > after:
            yield tick
        tick += timedelta(seconds=every)


def _find_fixed_ticks(cron: str, zone: tzinfo, after: datetime, iterate_cron: IterateCron) -> Iterator[datetime]:
    """Yield one tick per local time. Several local times that a clock change skips share the first instant after it."""
    for local in iterate_cron(cron, to_local(after, zone)):
        if local.year > LAST_YEAR:
            return
        tick = to_instant(local, zone)
        if tick > after:
            yield tick
            after = tick


def _find_elapsed_ticks(cron: str, zone: tzinfo, after: datetime, iterate_cron: IterateCron) -> Iterator[datetime]:
    """Yield a tick for each instant at which the clocks show a matching time.

    The offset is constant between two clock changes. At a change the search starts again, with the new offset.
    """
    position, local_position, offset = after, to_local(after, zone), get_offset(after, zone)
    change: datetime | None = position
    while change is not None:
        change = None
        for local in iterate_cron(cron, local_position):
            if local.year > LAST_YEAR:
                return
            tick = (local - offset).replace(tzinfo=UTC)
            if change := _find_restart(zone, position, tick):
                position, local_position, offset = change, to_local(change, zone) - _MICROSECOND, get_offset(change, zone)
                break
            yield tick
            position = tick


def _find_restart(zone: tzinfo, position: datetime, tick: datetime) -> datetime | None:
    """Return where the search for ticks has to start again: at the first clock change before the tick, or shortly before a distant tick.

    Changes in between show no matching time twice or early, since a change is shorter than _LONGEST_CHANGE.
    """
    if tick - position <= 2 * _LONGEST_CHANGE:
        return find_offset_change(zone, position, tick)
    return find_offset_change(zone, position, position + _LONGEST_CHANGE) or tick - _LONGEST_CHANGE
