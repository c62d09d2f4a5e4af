"""JSON Schema of the schedules and expectations of a definition, and of durations."""

from typing import Any

from domain.pipelines.field_parser import MAX_SECONDS, NAME
from domain.schedules.cron_syntax import MAX_CRON_LENGTH
from domain.schedules.definition import DEFAULT_CATCH_UP_WINDOW, DEFAULT_GRACE, DEFAULT_ZONE, CatchUpPolicy, OverlapPolicy
from domain.schedules.parsing import MAX_JITTER, MAX_SKIPPED
from domain.schedules.recurrence_parsing import MIN_INTERVAL

_DURATION_PATTERN = r"^([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}(\.[0-9]{1,6})?s)?$"
_LOCAL_TIME = {"type": "string", "maxLength": 32}


def build_duration_schema(description: str, **limits: float) -> dict[str, Any]:
    """Return the schema of a duration: seconds within the limits, or a text such as 15m."""
    number = {"type": "number", "maximum": MAX_SECONDS, **limits}
    return {"anyOf": [number, {"type": "string", "minLength": 2, "pattern": _DURATION_PATTERN}], "description": description}


def or_null(schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}], "description": description}


_RECURRENCE: dict[str, Any] = {
    "cron": {
        "type": "string",
        "maxLength": MAX_CRON_LENGTH,
        "description": "Five fields, or @hourly, @daily, @weekly, @monthly or @yearly.",
    },
    "every": build_duration_schema("Seconds, or a text such as 15m; counted from the epoch.", minimum=MIN_INTERVAL),
    "offset": build_duration_schema("Delays the ticks of `every`; 0 by default.", minimum=0),
    "timezone": {"type": "string", "default": DEFAULT_ZONE, "description": "A name such as Europe/Berlin."},
}

SCHEDULE: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "oneOf": [{"required": [key]} for key in ("cron", "every", "at")],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": 100},
        **_RECURRENCE,
        "at": {"type": "string", "maxLength": 32, "description": "One time in the schedule's zone, such as 2026-12-24T18:00."},
        "start": or_null(_LOCAL_TIME, "The first date or time, in the schedule's zone."),
        "end": or_null(_LOCAL_TIME, "The last date or time; a date is included whole."),
        "skip": or_null(
            {"type": "array", "maxItems": MAX_SKIPPED, "items": {"type": "string", "format": "date"}},
            "Dates, in the schedule's zone, on which it does not fire.",
        ),
        "jitter": build_duration_schema("Each tick is delayed by less than this; 0 by default.", minimum=0, maximum=MAX_JITTER),
        "parameters": or_null(
            {"type": "object", "additionalProperties": True},
            "The parameters of its runs. {tick: date, offset: -1d} stands for the date, datetime or timestamp of the tick.",
        ),
        "catch_up": {"type": "string", "enum": [policy.value for policy in CatchUpPolicy], "default": CatchUpPolicy.LATEST.value},
        "catch_up_window": build_duration_schema(
            f"Ticks missed longer ago never run; {DEFAULT_CATCH_UP_WINDOW:,.0f} s by default.", minimum=0
        ),
        "overlap": {"type": "string", "enum": [policy.value for policy in OverlapPolicy], "default": OverlapPolicy.SKIP.value},
    },
}

EXPECTATION: dict[str, Any] = {
    "type": "object",
    "oneOf": [{"required": [key]} for key in ("cron", "every")],
    "additionalProperties": False,
    "properties": {
        **_RECURRENCE,
        "grace": build_duration_schema(f"How late a run may start; {DEFAULT_GRACE:,.0f} s by default.", minimum=0),
        "max_duration": or_null(
            build_duration_schema("", exclusiveMinimum=0),
            "A run that takes longer is overrun. Time in which it waits only for approvals does not count.",
        ),
    },
}
