"""Parse the day that a person asks about."""

from datetime import date, timedelta

from domain.errors import InvalidInput
from domain.schedules.local_times import parse_date

FIRST_YEAR, LAST_YEAR = 1971, 2998
"""With a day before and after, all times are within the calendar of schedules."""


def parse_asked_day(text: str, today: date) -> date:
    """Return the date of a text such as 2026-11-27, `today` or `yesterday`. Raises InvalidInput for anything else."""
    if text in ("", "today"):
        return today
    if text == "yesterday":
        return today - timedelta(days=1)
    day = parse_date(text)
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise InvalidInput.for_field("day", "must be a date such as 2026-11-27, today or yesterday")
    return day
