"""Days as their viewer means them: in the time zone that the address names."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

LONGEST_ZONE = 64


def parse_day(text: str) -> str:
    """The day as written, if it is one."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        return ""


def parse_time_zone(text: str) -> str:
    """The zone's name, if there is such a zone; else nothing, which means UTC."""
    return text if text and _zone(text) is not UTC else ""


def get_day_start(day: str, zone: str, later: int = 0) -> datetime | None:
    """When the day begins in the zone, or the one so many days after it. None without a day, and past the end of the calendar."""
    try:
        wanted = date.fromisoformat(day) + timedelta(days=later) if day else None
        return datetime(wanted.year, wanted.month, wanted.day, tzinfo=_zone(zone)).astimezone(UTC) if wanted else None
    except (OverflowError, ValueError):
        return None


def _zone(name: str) -> tzinfo:
    if not name or len(name) > LONGEST_ZONE or not name.isascii():
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not a zone, not even a name, a folder of zones
        return UTC
