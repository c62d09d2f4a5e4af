"""Days in the time zone that a page's URL names."""

from datetime import UTC, date, datetime, timedelta, tzinfo

from domain.schedules.zones import find_zone


def parse_day(text: str) -> str:
    """Return the day as an ISO date; empty if the text is not one."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        return ""


def parse_time_zone(text: str) -> str:
    """Return the name if a time zone has it; otherwise empty, which means UTC."""
    return text if text and _find_zone(text) is not UTC else ""


def get_day_start(day: str, zone: str, later: int = 0) -> datetime | None:
    """Return when the day `later` days after `day` begins in the zone, as UTC. None without a day and outside the calendar."""
    try:
        start = date.fromisoformat(day) + timedelta(days=later) if day else None
        return datetime(start.year, start.month, start.day, tzinfo=_find_zone(zone)).astimezone(UTC) if start else None
    except (OverflowError, ValueError):
        return None


def parse_local_time(text: str, zone: str) -> datetime | None:
    """Return the time that a text such as 2026-11-29T18:00 means in the zone, as UTC. None if it means none."""
    try:
        return datetime.strptime(text[:16], "%Y-%m-%dT%H:%M").replace(tzinfo=_find_zone(zone)).astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def get_local_day(at: datetime, zone: str) -> date:
    """Return the day in the zone."""
    return at.astimezone(_find_zone(zone)).date()


def to_zone(at: datetime, zone: str) -> datetime:
    """Return the time in the zone."""
    return at.astimezone(_find_zone(zone))


def _find_zone(name: str) -> tzinfo:
    return find_zone(name) or UTC
