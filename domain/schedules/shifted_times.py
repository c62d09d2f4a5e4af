"""Find the local times of a day that a clock change skips or repeats, among those that a schedule names."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import takewhile

from domain.schedules.cron_syntax import expand_cron_alias, is_at_fixed_times
from domain.schedules.definition import Recurrence
from domain.schedules.local_times import get_day_start
from domain.schedules.ticks import IterateCron, get_zone
from domain.schedules.zones import find_offset_change, get_offset, to_instant, to_local

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of a zone's offset. At the instant `at` the clocks would show `before`, and show `after` instead."""

    at: datetime
    before: datetime
    after: datetime

    @property
    def is_forward(self) -> bool:
        return self.after > self.before


@dataclass(frozen=True, slots=True)
class ShiftedTimes:
    """The local times that a clock change skips or repeats, in order.

    `ticks` are the instants at which a schedule with fixed times fires for them; empty for one that follows elapsed time.
    """

    change: ClockChange
    times: tuple[datetime, ...]
    ticks: tuple[datetime, ...]


def list_clock_changes(zone: tzinfo, since: datetime, until: datetime) -> list[ClockChange]:
    """Return the changes from `since` to `until`, both included."""
    found, position = [], since - _MICROSECOND
    while (at := find_offset_change(zone, position, until)) is not None and at <= until:
        before = (at + get_offset(at - _MICROSECOND, zone)).replace(tzinfo=None)
        found.append(ClockChange(at, before, to_local(at, zone)))
        position = at
    return found


def find_shifted_times(recurrence: Recurrence, day: date, iterate_cron: IterateCron) -> list[ShiftedTimes]:
    """Return the times of a local day that clock changes skip or repeat.

    Times that a change skips belong to the day whose date they have, and to the day on which the schedule fires instead.
    """
    if recurrence.cron is None:
        return []
    zone = get_zone(recurrence)
    start, end = get_day_start(day, zone), get_day_start(day + timedelta(days=1), zone)
    found = []
    for change in list_clock_changes(zone, start, end):
        times = tuple(_list_times(recurrence.cron, change, iterate_cron))
        if start <= change.at < end or (change.is_forward and any(time.date() == day for time in times)):
            ticks = dict.fromkeys(to_instant(time, zone) for time in times) if is_at_fixed_times(recurrence.cron) else ()
            if times:
                found.append(ShiftedTimes(change, times, tuple(ticks)))
    return found


def _list_times(cron: str, change: ClockChange, iterate_cron: IterateCron) -> Iterator[datetime]:
    first, end = sorted((change.before, change.after))
    return takewhile(lambda time: time < end, iterate_cron(expand_cron_alias(cron), first - _MICROSECOND))
