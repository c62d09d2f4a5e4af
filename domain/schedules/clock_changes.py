"""Notes about clock changes, for people who read the next ticks of a schedule."""

from datetime import datetime, timedelta, tzinfo

from domain.schedules.cron_syntax import expand_cron_alias, is_at_fixed_times
from domain.schedules.definition import Recurrence
from domain.schedules.ticks import IterateCron, get_zone
from domain.schedules.zones import find_offset_change, get_offset, to_instant, to_local

_MICROSECOND = timedelta(microseconds=1)


def describe_tick(recurrence: Recurrence, previous: datetime, at: datetime, iterate_cron: IterateCron) -> str | None:
    """Return what a clock change did to a tick, or between it and the `previous` one; None if there was none."""
    zone = get_zone(recurrence)
    if moved := _describe_move(recurrence, at, zone, iterate_cron):
        return moved
    if _is_shown_twice(at, zone) and recurrence.cron is not None and is_at_fixed_times(recurrence.cron):
        return f"{_format_clock(at, zone)} occurs twice on this day; the schedule fires once, at the first"
    if get_offset(previous, zone) == get_offset(at, zone):
        return None
    change = find_offset_change(zone, previous, at)
    return _describe_change(change, zone) if change else None


def _describe_move(recurrence: Recurrence, at: datetime, zone: tzinfo, iterate_cron: IterateCron) -> str | None:
    """Return a note if the local time that the recurrence names does not exist."""
    if recurrence.cron is None or not is_at_fixed_times(recurrence.cron):
        return None
    shown_before, shown_after = _get_clock_times(at, zone)
    if shown_before >= shown_after:
        return None
    skipped = next(iterate_cron(expand_cron_alias(recurrence.cron), shown_before - _MICROSECOND), None)
    if skipped is None or skipped >= shown_after:
        return None
    return f"moved by the clock change: {skipped:%H:%M} does not exist on {skipped:%Y-%m-%d}"


def _describe_change(change: datetime, zone: tzinfo) -> str:
    before, after = _get_clock_times(change, zone)
    if after > before:
        return f"after the clock change: the clocks skip from {before:%H:%M} to {after:%H:%M} on {after:%Y-%m-%d}"
    return f"after the clock change: the clocks go back from {before:%H:%M} to {after:%H:%M} on {after:%Y-%m-%d}"


def _get_clock_times(instant: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Return what the clocks would show at an instant by the offset before it, and what they show."""
    return (instant + get_offset(instant - _MICROSECOND, zone)).replace(tzinfo=None), to_local(instant, zone)


def _is_shown_twice(instant: datetime, zone: tzinfo) -> bool:
    later = to_local(instant, zone).replace(tzinfo=zone, fold=1)
    return later.utcoffset() != get_offset(instant, zone) and to_instant(to_local(instant, zone), zone) == instant


def _format_clock(instant: datetime, zone: tzinfo) -> str:
    return f"{to_local(instant, zone):%H:%M}"
