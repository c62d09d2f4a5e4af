"""Recurrences in words, such as "At 02:30 every day, Europe/Berlin"."""

from collections.abc import Callable
from typing import Final

from domain.schedules.definition import Recurrence
from domain.schedules.ticks import get_zone
from domain.schedules.zones import to_local

ExplainCron = Callable[[str], str]
"""Returns a valid expression of cron in words, such as "At 02:30 every day"."""
_UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def describe_recurrence(recurrence: Recurrence, explain_cron: ExplainCron) -> str:
    """Return when something happens, with the zone if it matters."""
    if recurrence.cron is not None:
        return f"{explain_cron(recurrence.cron)}, {recurrence.timezone}"
    if recurrence.at is not None:
        return f"Once, on {to_local(recurrence.at, get_zone(recurrence)):%Y-%m-%d at %H:%M}, {recurrence.timezone}"
    every = f"Every {describe_interval(recurrence.every or 0)}"
    return f"{every}, {describe_seconds(recurrence.offset)} later than full intervals" if recurrence.offset else every


def describe_interval(seconds: float) -> str:
    """Return whole seconds as in "every …": "minute", "15 minutes", "1 hour 30 minutes"."""
    written = describe_seconds(seconds)
    return written.removeprefix("1 ") if written.count(" ") == 1 else written


def describe_seconds(seconds: float) -> str:
    """Return whole seconds in words, such as "1 hour 30 minutes"."""
    parts, left = [], round(seconds)
    for unit, size in _UNITS:
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 seconds"
