"""Durations in bodies: seconds, or texts such as `2h`. They give a period without its end."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, WithJsonSchema

from domain.alerts.period import MAX_PERIOD
from domain.errors import InvalidInput
from domain.pipelines.durations import parse_duration

MAX_SECONDS: Final = MAX_PERIOD.total_seconds()


def _parse_duration(value: Any) -> timedelta | None:
    if value is None:
        return None
    seconds = parse_duration(value)
    if seconds is None or not 0 < seconds <= MAX_SECONDS:
        raise ValueError("must be seconds or a duration such as 90s, 15m, 2h or 7d; more than 0 and at most 366 days")
    return timedelta(seconds=seconds)


Duration = Annotated[
    Any,
    BeforeValidator(_parse_duration),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 1, "maximum": MAX_SECONDS},
                {"type": "string", "pattern": "^[1-9][0-9]?[dhms]$"},
                {"type": "null"},
            ]
        }
    ),
]


def choose_end(duration: timedelta | None, end: datetime | None, end_field: str) -> datetime | timedelta:
    """Return the one that is given. Raises InvalidInput unless exactly one is."""
    if duration is not None and end is not None:
        raise InvalidInput.for_field(end_field, "cannot be combined with for")
    found = duration if duration is not None else end
    if found is None:
        raise InvalidInput.for_field("for", f"is required, or {end_field}")
    return found
