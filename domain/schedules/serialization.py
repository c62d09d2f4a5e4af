"""Serialize schedules and expectations with their defaults, as the other keys of a definition."""

from datetime import UTC, tzinfo
from typing import Any

from domain.schedules.definition import Expectation, Recurrence, ScheduleDefinition
from domain.schedules.local_times import format_end, format_start, format_time
from domain.schedules.zones import find_zone


def serialize_recurrence(recurrence: Recurrence) -> dict[str, Any]:
    """Return the one of `cron`, `every` and `at` that is set, and the zone."""
    written: dict[str, Any] = {}
    if recurrence.cron is not None:
        written["cron"] = recurrence.cron
    if recurrence.every is not None:
        written |= {"every": recurrence.every, "offset": recurrence.offset}
    if recurrence.at is not None:
        written["at"] = format_time(recurrence.at, _get_zone(recurrence))
    return written | {"timezone": recurrence.timezone}


def serialize_schedule(schedule: ScheduleDefinition) -> dict[str, Any]:
    """Return the schedule's keys; `parse_schedules` returns an equal one. Times are in its zone."""
    zone = _get_zone(schedule.recurrence)
    return {
        "name": schedule.name,
        **serialize_recurrence(schedule.recurrence),
        "start": format_start(schedule.start, zone) if schedule.start else None,
        "end": format_end(schedule.end, zone) if schedule.end else None,
        "skip": [day.isoformat() for day in schedule.skip],
        "jitter": schedule.jitter,
        "parameters": dict(schedule.parameters),
        "catch_up": schedule.catch_up.value,
        "catch_up_window": schedule.catch_up_window,
        "overlap": schedule.overlap.value,
    }


def serialize_expectation(expectation: Expectation) -> dict[str, Any]:
    recurrence = serialize_recurrence(expectation.recurrence)
    return recurrence | {"grace": expectation.grace, "max_duration": expectation.max_duration}


def _get_zone(recurrence: Recurrence) -> tzinfo:
    return find_zone(recurrence.timezone) or UTC
