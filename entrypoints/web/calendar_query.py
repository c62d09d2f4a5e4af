"""The query of the calendar: a day or a week in a time zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final, Self
from urllib.parse import urlencode

from entrypoints.web.time_zones import get_day_start, get_local_day, parse_day, parse_time_zone, to_zone

DAY_STEP: Final = timedelta(minutes=15)
WEEK_STEP: Final = timedelta(hours=1)
FIRST_YEAR, LAST_YEAR = 1971, 2998


@dataclass(frozen=True, slots=True)
class CalendarQuery:
    """`day` is the day to show, or the Monday of the week. `zone` is empty for UTC."""

    day: date
    zone: str = ""
    is_week: bool = False

    @classmethod
    def parse(cls, view: str, day: str, zone: str, now: datetime) -> Self:
        """Parse query parameters. Without a valid day, the query is for today."""
        name = parse_time_zone(zone)
        parsed = parse_day(day)
        chosen = date.fromisoformat(parsed) if parsed else get_local_day(now, name)
        if not FIRST_YEAR <= chosen.year <= LAST_YEAR:
            chosen = get_local_day(now, name)
        is_week = view == "week"
        return cls(chosen - timedelta(days=chosen.weekday()) if is_week else chosen, name, is_week)

    @property
    def step(self) -> timedelta:
        """The length of the spans in which starts are counted."""
        return WEEK_STEP if self.is_week else DAY_STEP

    @property
    def day_starts(self) -> Sequence[datetime]:
        """When each day begins, in UTC, and when the last one ends."""
        starts = [get_day_start(self.day.isoformat(), self.zone, later) for later in range(8 if self.is_week else 2)]
        return [start for start in starts if start is not None]

    @property
    def start(self) -> datetime:
        return self.day_starts[0]

    @property
    def end(self) -> datetime:
        return self.day_starts[-1]

    def get_columns(self) -> list[tuple[datetime, datetime]]:
        """Return the hours of the day, or the days of the week. A day with a clock change has 23 or 25 hours."""
        if self.is_week:
            return list(pairwise(self.day_starts))
        hour = timedelta(hours=1)
        count = -(-(self.end - self.start) // hour)
        return [(self.start + n * hour, min(self.end, self.start + (n + 1) * hour)) for n in range(count)]

    def to_local(self, at: datetime) -> datetime:
        return to_zone(at, self.zone)

    def move(self, periods: int) -> Self:
        """Return the query of an earlier or later period."""
        return type(self)(self.day + timedelta(days=periods * (7 if self.is_week else 1)), self.zone, self.is_week)

    def get_url(self, path: str = "/ui/schedule") -> str:
        """Return the path with the query."""
        values = {"view": "week" if self.is_week else "day", "day": self.day.isoformat(), "zone": self.zone}
        return f"{path}?{urlencode({key: value for key, value in values.items() if value})}"
