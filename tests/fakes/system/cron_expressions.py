"""Cron expressions of numbers, by comparing every minute of every matching day."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta

from domain.schedules.cron_syntax import expand_cron_alias, find_cron_syntax_problem

_RANGES = (range(60), range(24), range(1, 32), range(1, 13), range(8))
_NAMES = ("minute", "hour", "day of the month", "month", "day of the week")
_MAX_DAYS = 50 * 366


class FakeCronExpressions:
    def find_problem(self, expression: str) -> str | None:
        if problem := find_cron_syntax_problem(expression):
            return problem
        for name, field, values in zip(_NAMES, expand_cron_alias(expression).split(), _RANGES, strict=True):
            try:
                is_valid = bool(_parse_field(field, values)) and _parse_field(field, values) <= set(values)
            except ValueError:
                is_valid = False
            if not is_valid:
                return f"has an invalid {name}, {field:.60}"
        return None if next(self.iterate(expression, datetime(2000, 1, 1)), None) else "matches no day in the next 50 years"

    def iterate(self, expression: str, after: datetime) -> Iterator[datetime]:
        fields = expand_cron_alias(expression).split()
        minutes, hours, days, months, weekdays = (_parse_field(*pair) for pair in zip(fields, _RANGES, strict=True))
        needs_both = fields[2].startswith("*") or fields[4].startswith("*")
        day, last = after.date(), after.date()
        while day - last < timedelta(days=_MAX_DAYS):
            matches = (day.day in days, bool({day.isoweekday(), day.isoweekday() % 7} & weekdays))
            if day.month in months and (all(matches) if needs_both else any(matches)):
                for hour in sorted(hours):
                    for minute in sorted(minutes):
                        if (tick := datetime.combine(day, time(hour, minute))) > after:
                            last = day
                            yield tick
            day += timedelta(days=1)

    def explain(self, expression: str) -> str:
        minute, hour, *_ = expand_cron_alias(expression).split()
        return f"At {int(hour):02}:{int(minute):02} every day" if hour.isdigit() and minute.isdigit() else f"By {expression}"


def _parse_field(field: str, values: range) -> set[int]:
    """Return the values of a field. Raise ValueError if it is no list of numbers, ranges and steps."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        first, last = (values[0], values[-1]) if span == "*" else (int(low), int(high or (values[-1] if step else low)))
        found |= set(range(first, last + 1, int(step or 1)))
    return found
