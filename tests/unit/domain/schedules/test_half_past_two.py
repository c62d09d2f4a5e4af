"""The instants of `30 2 * * *` from 2024 to 2030 in four zones.

The dates of the changes follow from the rules of tzdata's sources, and the instants from the documented semantics:

- America/New_York (northamerica, Rule US, 2007 max): Sunday on or after 8 March and 1 November, at 02:00 local time.
- Europe/Berlin (europe, Rule EU, 1981 and 1996 max): last Sunday of March and October, at 01:00 UTC.
- Australia/Lord_Howe (australasia, Rule LH, 2008 max): Sunday on or after 1 April and 1 October, at 02:00 local time, by half an hour.
- America/Santiago (southamerica, Rule Chile, 2023 max): Sunday on or after 2 April at 03:00 UTC, and 2 September at 04:00 UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

import pytest

from adapters.system.cronsim_expressions import CronsimExpressions
from application.ports.system.cron_expressions import CronExpressions
from domain.schedules.definition import Recurrence
from domain.schedules.ticks import find_ticks
from tests.fakes import FakeCronExpressions

FIRST, LAST = date(2024, 1, 1), date(2030, 12, 31)


@dataclass(frozen=True)
class Year:
    """The dates on which the clocks change, in the order of the calendar."""

    first: str
    second: str


@dataclass(frozen=True)
class Table:
    """The time of the tick in UTC, `HH:MM` with the day before as `-1`, until the first change of a year, on its date, between the changes,
    on the date of the second one, and after it."""

    zone: str
    before: str
    on_first: str
    between: str
    on_second: str
    after: str
    years: Sequence[Year]


TABLES = [
    Table(
        "America/New_York",
        before="07:30",  # 02:30 EST
        on_first="07:00",  # 02:30 does not exist: 03:00 EDT, the first instant after the change
        between="06:30",  # 02:30 EDT
        on_second="07:30",  # 02:30 EST, once: 01:00 to 02:00 comes twice
        after="07:30",
        years=[
            Year("2024-03-10", "2024-11-03"),
            Year("2025-03-09", "2025-11-02"),
            Year("2026-03-08", "2026-11-01"),
            Year("2027-03-14", "2027-11-07"),
            Year("2028-03-12", "2028-11-05"),
            Year("2029-03-11", "2029-11-04"),
            Year("2030-03-10", "2030-11-03"),
        ],
    ),
    Table(
        "Europe/Berlin",
        before="01:30",  # 02:30 CET
        on_first="01:00",  # 02:30 does not exist: 03:00 CEST
        between="00:30",  # 02:30 CEST
        on_second="00:30",  # 02:30 comes twice: the first is CEST
        after="01:30",
        years=[
            Year("2024-03-31", "2024-10-27"),
            Year("2025-03-30", "2025-10-26"),
            Year("2026-03-29", "2026-10-25"),
            Year("2027-03-28", "2027-10-31"),
            Year("2028-03-26", "2028-10-29"),
            Year("2029-03-25", "2029-10-28"),
            Year("2030-03-31", "2030-10-27"),
        ],
    ),
    Table(
        "Australia/Lord_Howe",
        before="-1 15:30",  # 02:30 at +11
        on_first="-1 16:00",  # 01:30 to 02:00 comes twice; 02:30 is at +10:30
        between="-1 16:00",  # 02:30 at +10:30
        on_second="-1 15:30",  # the clocks skip from 02:00 to 02:30, which exists: +11
        after="-1 15:30",
        years=[
            Year("2024-04-07", "2024-10-06"),
            Year("2025-04-06", "2025-10-05"),
            Year("2026-04-05", "2026-10-04"),
            Year("2027-04-04", "2027-10-03"),
            Year("2028-04-02", "2028-10-01"),
            Year("2029-04-01", "2029-10-07"),
            Year("2030-04-07", "2030-10-06"),
        ],
    ),
    Table(
        "America/Santiago",
        before="05:30",  # 02:30 at -03
        on_first="06:30",  # the day begins after the change: -04
        between="06:30",  # 02:30 at -04
        on_second="05:30",  # the clocks skip from 00:00 to 01:00: -03
        after="05:30",
        years=[
            Year("2024-04-07", "2024-09-08"),
            Year("2025-04-06", "2025-09-07"),
            Year("2026-04-05", "2026-09-06"),
            Year("2027-04-04", "2027-09-05"),
            Year("2028-04-02", "2028-09-03"),
            Year("2029-04-08", "2029-09-02"),
            Year("2030-04-07", "2030-09-08"),
        ],
    ),
]


def list_expected(table: Table) -> list[datetime]:
    expected = []
    for offset in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=offset)
        year = table.years[day.year - FIRST.year]
        first, second = date.fromisoformat(year.first), date.fromisoformat(year.second)
        if day <= first:
            time = table.on_first if day == first else table.before
        elif day <= second:
            time = table.on_second if day == second else table.between
        else:
            time = table.after
        expected.append(to_instant(day, time))
    return expected


def to_instant(day: date, time: str) -> datetime:
    day -= timedelta(days=1 if time.startswith("-1 ") else 0)
    return datetime.fromisoformat(f"{day}T{time.removeprefix('-1 ')}").replace(tzinfo=UTC)


@pytest.mark.parametrize("cron", [FakeCronExpressions(), CronsimExpressions()], ids=["fake", "real"])
@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.zone)
def test_half_past_two_fires_at_the_instants_of_the_table(table: Table, cron: CronExpressions) -> None:
    expected = list_expected(table)
    ticks = find_ticks(Recurrence(cron="30 2 * * *", timezone=table.zone), expected[0] - timedelta(hours=3), cron.iterate)

    assert list(takewhile(lambda tick: tick <= expected[-1], ticks)) == expected
    assert len(expected) == 2_557
