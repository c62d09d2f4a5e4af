"""Time zones by name, and the instants of local times."""

import difflib
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

MAX_ZONE_LENGTH: Final = 64
SEARCH_STEP: Final = timedelta(days=6)
"""Since 1970, no zone has changed its offset twice within this time."""
_SECOND: Final = timedelta(seconds=1)


def find_zone(name: str) -> ZoneInfo | None:
    """Return the time zone, or None if there is none of this name."""
    if not name or len(name) > MAX_ZONE_LENGTH or not name.isascii():
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown name, an invalid name, a directory of zones
        return None


def find_zone_problem(name: str) -> str | None:
    """Return why a text is no time zone, with the name that is most like it; None if it is one."""
    if find_zone(name) is not None:
        return None
    similar = difflib.get_close_matches(f"{name:.64}", sorted(available_timezones()), 1)
    advice = f"did you mean {similar[0]}?" if similar else "write a name such as UTC or Europe/Berlin"
    return f"there is no time zone {name:.64}; {advice}"


def to_local(instant: datetime, zone: tzinfo) -> datetime:
    """Return what the zone's clocks show at an instant, without a zone."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def get_offset(instant: datetime, zone: tzinfo) -> timedelta:
    """Return the zone's offset from UTC at an instant."""
    return instant.astimezone(zone).utcoffset() or timedelta()


def to_instant(local: datetime, zone: tzinfo) -> datetime:
    """Return the first instant, in UTC, at which the zone's clocks show this time, or a later one if a clock change skips it."""
    instant = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if to_local(instant, zone) == local:
        return instant
    before = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return find_offset_change(zone, before, instant) or instant


def find_offset_change(zone: tzinfo, after: datetime, until: datetime) -> datetime | None:
    """Return the first instant after `after`, up to `until`, at which the zone has another offset than before; None if there is none."""
    offset = get_offset(after, zone)
    while after < until:
        following = min(after + SEARCH_STEP, until)
        if get_offset(following, zone) != offset:
            return _bisect_change(zone, after, following, offset)
        after = following
    return None


def _bisect_change(zone: tzinfo, low: datetime, high: datetime, offset: timedelta) -> datetime:
    """Return the first whole second at which the offset is no longer `offset`; it is at `low`, and is not at `high`."""
    low = low.replace(microsecond=0)
    high = high if high.microsecond == 0 else high.replace(microsecond=0) + _SECOND
    while high - low > _SECOND:
        middle = low + (high - low) // 2 // _SECOND * _SECOND
        if get_offset(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high
