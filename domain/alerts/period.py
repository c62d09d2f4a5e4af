"""Periods that a person gives for a snooze or a silence: a duration, or an end."""

from datetime import datetime, timedelta
from typing import Final

from domain.errors import InvalidInput

MAX_PERIOD: Final = timedelta(days=366)


def compute_end(start: datetime, now: datetime, end: datetime | timedelta, end_field: str) -> datetime:
    """Return the end of a period that begins at `start`. Problems name `end_field`, or `for` if the end is a duration.

    Raises InvalidInput unless the end is later than `start` and `now`, and at most 366 days after `start`, which is at most 366 days ahead.
    """
    if start - now > MAX_PERIOD:
        raise InvalidInput.for_field("from", "must be at most 366 days ahead")
    field, length = ("for", end) if isinstance(end, timedelta) else (end_field, end - start)
    if length > MAX_PERIOD:
        raise InvalidInput.for_field(field, "must be at most 366 days")
    if length <= timedelta(0) and start > now:
        raise InvalidInput.for_field(field, "must be later than from")
    if start + length <= now:
        raise InvalidInput.for_field(field, "must be later than now")
    return start + length
