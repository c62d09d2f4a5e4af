from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.schedules.tick_parameters import find_tick_parameter_problems, resolve_tick_parameters

BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)  # 2026-03-30 00:30 in Berlin, the day after a day of 23 hours


def resolve(value: Any) -> Any:
    return resolve_tick_parameters({"value": value}, DUE, BERLIN)["value"]


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"tick": "date"}, "2026-03-30"),
        ({"tick": "datetime"}, "2026-03-30T00:30:00+02:00"),
        ({"tick": "timestamp"}, 1_774_823_400),
        ({"tick": "date", "offset": "-1d"}, "2026-03-29"),
        ({"tick": "datetime", "offset": "-1d"}, "2026-03-29T00:30:00+01:00"),
        ({"tick": "datetime", "offset": "-1h"}, "2026-03-29T23:30:00+02:00"),
        ({"tick": "datetime", "offset": -3_600}, "2026-03-29T23:30:00+02:00"),
        ({"tick": "date", "offset": "2d12h"}, "2026-04-01"),
        ({"tick": "timestamp", "offset": "90s"}, 1_774_823_490),
        ([{"tick": "date"}, 1], ["2026-03-30", 1]),
        ({"from": {"tick": "date"}}, {"from": "2026-03-30"}),
        ({"tick": "date", "unit": "day"}, {"tick": "date", "unit": "day"}),  # an object of its own
        ("tick", "tick"),
        (None, None),
    ],
)
def test_values_of_the_tick_replace_their_objects(value: Any, resolved: Any) -> None:
    assert list(find_tick_parameter_problems(value, "value")) == []
    assert resolve(value) == resolved


@pytest.mark.parametrize("offset", ["x", "-", "1 d", True, None, [], "--1d", "99999d"])
def test_an_invalid_offset_is_a_problem(offset: object) -> None:
    (problem,) = find_tick_parameter_problems({"a": [{"tick": "date", "offset": offset}]}, "parameters")

    assert problem[0] == "parameters.a[0].offset"
