import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.pipelines.durations import format_duration, parse_duration
from domain.pipelines.parsing import parse_definition
from tests.support.builders import a_stage


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (90, 90),
        (0.5, 0.5),
        (0, 0),
        (-1, -1),
        ("90s", 90),
        ("15m", 900),
        ("24h", 86_400),
        ("7d", 604_800),
        ("1h30m", 5_400),
        ("1d2h3m4s", 93_784),
        ("0s", 0),
        ("0.25s", 0.25),
        ("90m", 5_400),
        ("007s", 7),
    ],
)
def test_a_number_and_a_text_with_units_are_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize(
    "written",
    [
        "",
        "90",
        "1.5h",
        "s",
        "15 m",
        " 15m",
        "15m\n",
        "15M",
        "m15",
        "1m1h",
        "1h1h",
        "-15m",
        "+15m",
        "1w",
        "١٥m",
        "1e3s",
        "PT15M",
        None,
        True,
        False,
        [],
        {},
        float("nan"),
        float("inf"),
        10**400,
        "9" * 5_000 + "s",
    ],
)
def test_anything_else_is_no_duration(written: object) -> None:
    assert parse_duration(written) is None


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0s"),
        (5, "5s"),
        (60, "1m"),
        (90, "1m30s"),
        (900, "15m"),
        (3_600, "1h"),
        (5_400, "1h30m"),
        (86_400, "1d"),
        (90_061, "1d1h1m1s"),
        (0.5, "0.5s"),
        (86_400.25, "1d0.25s"),
    ],
)
def test_a_duration_is_written_in_its_largest_units(seconds: float, written: str) -> None:
    assert format_duration(seconds) == written


@given(st.integers(0, 10**14).map(lambda micros: micros / 1_000_000))
def test_a_written_duration_is_read_as_the_same_seconds(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(("key", "seconds"), [("timeout", 900.0), ("retry_delay", 900.0)])
def test_the_durations_of_a_stage_are_seconds_or_texts(key: str, seconds: float) -> None:
    by_text, by_number = (parse_definition({"name": "p", "stages": [a_stage(**{key: value})]}) for value in ("15m", 900))

    assert by_text == by_number
    assert getattr(by_text.stages[0], key) == seconds


@pytest.mark.parametrize("value", ["367d", "0s", "15", "soon", -1, None])
def test_an_invalid_timeout_is_refused_with_what_to_write(value: object) -> None:
    with pytest.raises(InvalidInput) as error:
        parse_definition({"name": "p", "stages": [a_stage(timeout=value)]})

    assert [problem.field for problem in error.value.problems] == ["stages[0].timeout"]
    assert "such as 90s, 15m, 24h or 7d" in str(error.value)
