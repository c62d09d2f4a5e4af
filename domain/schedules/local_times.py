"""Dates and times as authors write them: in the schedule's zone, without an offset."""

import re
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from domain.schedules.zones import to_instant, to_local

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2999
DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_TICK: Final = timedelta(microseconds=1)


def parse_date(text: object) -> date | None:
    """Return the date of a text such as 2026-12-24, from 1970 to 2999; None for anything else."""
    if not isinstance(text, str) or not DATE.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def parse_time(text: object, zone: tzinfo) -> datetime | None:
    """Return the instant, in UTC, of a text such as 2026-12-24T18:00 in the zone; None for anything else. An offset overrides the zone."""
    if not isinstance(text, str) or not TIME.fullmatch(text):
        return None
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not FIRST_YEAR <= written.year <= LAST_YEAR:
        return None
    return to_instant(written, zone) if written.tzinfo is None else written.astimezone(UTC)


def parse_start(text: object, zone: tzinfo) -> datetime | None:
    """Return the instant of a time, or the first one of a date."""
    day = parse_date(text)
    return get_day_start(day, zone) if day else parse_time(text, zone)


def parse_end(text: object, zone: tzinfo) -> datetime | None:
    """Return the instant of a time, or the last one of a date."""
    day = parse_date(text)
    return get_day_end(day, zone) if day else parse_time(text, zone)


def get_day_start(day: date, zone: tzinfo) -> datetime:
    return to_instant(datetime.combine(day, time.min), zone)


def get_day_end(day: date, zone: tzinfo) -> datetime:
    return get_day_start(day + timedelta(days=1), zone) - _TICK


def format_time(instant: datetime, zone: tzinfo) -> str:
    """Return the text of an instant: local time, or UTC if the clocks show that time twice and this is the second."""
    local = to_local(instant, zone)
    if to_instant(local, zone) == instant:
        return local.isoformat(timespec="seconds")
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def format_start(instant: datetime, zone: tzinfo) -> str:
    """Return the text that `parse_start` reads: a date if it is the first instant of one."""
    day = to_local(instant, zone).date()
    return day.isoformat() if get_day_start(day, zone) == instant else format_time(instant, zone)


def format_end(instant: datetime, zone: tzinfo) -> str:
    """Return the text that `parse_end` reads: a date if it is the last instant of one."""
    day = to_local(instant, zone).date()
    return day.isoformat() if get_day_end(day, zone) == instant else format_time(instant, zone)
