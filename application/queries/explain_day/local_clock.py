"""Times of a day as people read them in the schedule's zone."""

from datetime import datetime, tzinfo

DASH = "–"


def format_clock(at: datetime, zone: tzinfo) -> str:
    """Return the local time, such as 02:10; with seconds if it has any."""
    local = at.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


def format_span(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return the local time, or the first and the last one, such as 02:10–02:40."""
    return format_clock(start, zone) if start == end else f"{format_clock(start, zone)}{DASH}{format_clock(end, zone)}"


def format_at(at: datetime, reference: datetime, zone: tzinfo) -> str:
    """Return the local time, to the minute, with its date if that is not the date of the reference."""
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == reference.astimezone(zone).date() else f"{local:%Y-%m-%d %H:%M}"


def pluralize(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
