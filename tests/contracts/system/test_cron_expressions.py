from datetime import datetime
from itertools import islice

import pytest

from application.ports.system.cron_expressions import CronExpressions

AFTER = datetime(2026, 2, 27, 12, 30)  # a Friday


def list_ticks(cron: CronExpressions, expression: str, count: int, after: datetime = AFTER) -> list[str]:
    return [f"{tick:%m-%d %H:%M}" for tick in islice(cron.iterate(expression, after), count)]


@pytest.mark.parametrize(
    ("expression", "ticks"),
    [
        ("30 12 * * *", ["02-28 12:30", "03-01 12:30"]),
        ("31 12 * * *", ["02-27 12:31", "02-28 12:31"]),
        ("* * * * *", ["02-27 12:31", "02-27 12:32"]),
        ("*/25 * * * *", ["02-27 12:50", "02-27 13:00", "02-27 13:25"]),
        ("5/20 * * * *", ["02-27 12:45", "02-27 13:05"]),
        ("0 9-17/4 * * 1-5", ["02-27 13:00", "02-27 17:00", "03-02 09:00"]),
        ("15,45 0,6 * * *", ["02-28 00:15", "02-28 00:45", "02-28 06:15"]),
        ("0 0 29 2 *", ["02-29 00:00"]),
        ("0 0 31 * *", ["03-31 00:00", "05-31 00:00"]),
        ("0 0 1 * 1", ["03-01 00:00", "03-02 00:00"]),  # neither begins with *: one of both has to match
        ("0 0 */10 * 1", ["05-11 00:00", "06-01 00:00"]),  # one begins with *: both have to match
        ("0 0 * * 0", ["03-01 00:00", "03-08 00:00"]),
        ("0 0 * * 7", ["03-01 00:00", "03-08 00:00"]),
        ("0 0 * * 5-7", ["02-28 00:00", "03-01 00:00", "03-06 00:00"]),
        ("@hourly", ["02-27 13:00", "02-27 14:00"]),
        ("@daily", ["02-28 00:00"]),
        ("@weekly", ["03-01 00:00"]),
        ("@monthly", ["03-01 00:00", "04-01 00:00"]),
        ("@yearly", ["01-01 00:00"]),
    ],
)
def test_times_are_those_of_debians_cron(cron_expressions: CronExpressions, expression: str, ticks: list[str]) -> None:
    assert cron_expressions.find_problem(expression) is None
    assert list_ticks(cron_expressions, expression, len(ticks)) == ticks


def test_a_time_within_a_minute_is_before_the_next_one(cron_expressions: CronExpressions) -> None:
    assert list_ticks(cron_expressions, "31 12 * * *", 1, AFTER.replace(second=59, microsecond=999_999)) == ["02-27 12:31"]


@pytest.mark.parametrize(
    ("expression", "part"),
    [
        ("60 * * * *", "minute, 60"),
        ("0 24 * * *", "hour, 24"),
        ("0 0 0 * *", "day of the month, 0"),
        ("0 0 32 * *", "day of the month, 32"),
        ("0 0 * 13 *", "month, 13"),
        ("0 0 * * 8", "day of the week, 8"),
        ("5-1 * * * *", "minute, 5-1"),
        ("*/0 * * * *", "minute, */0"),
        ("1,,2 * * * *", "minute, 1,,2"),
        ("-1 * * * *", "minute, -1"),
        ("a * * * *", "minute, a"),
        ("0 0 31 2 *", "matches no day"),
        ("0 0 31 2,4,6,9,11 *", "matches no day"),
        ("* * * * * *", "five fields"),
        ("@reboot", "@reboot"),
        ("H * * * *", "contains H"),
        ("* * ? * *", "contains ?"),
    ],
)
def test_a_problem_names_the_field(cron_expressions: CronExpressions, expression: str, part: str) -> None:
    assert part in (cron_expressions.find_problem(expression) or "")


def test_a_fixed_time_is_explained(cron_expressions: CronExpressions) -> None:
    assert cron_expressions.explain("30 2 * * *") == "At 02:30 every day"
    assert cron_expressions.explain("@daily") == "At 00:00 every day"
