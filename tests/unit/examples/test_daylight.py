"""The hours that the example's flow computes are those of an almanac, but for the refraction of the air."""

from __future__ import annotations

from datetime import date

import pytest


@pytest.mark.parametrize(
    ("city", "day", "hours"),
    [
        ("Oslo", date(2026, 6, 21), 18.8),
        ("Oslo", date(2026, 12, 21), 5.9),
        ("Berlin", date(2026, 6, 21), 16.8),
        ("Nairobi", date(2026, 3, 21), 12.1),
        ("Sydney", date(2026, 12, 21), 14.4),
    ],
)
def test_hours_are_close_to_an_almanacs(city: str, day: date, hours: float) -> None:
    from examples.prefect.daylight import LATITUDES, compute_hours

    assert compute_hours(LATITUDES[city], day) == pytest.approx(hours, abs=0.5)


def test_the_sun_does_not_set_or_does_not_rise_beyond_the_polar_circle() -> None:
    from examples.prefect.daylight import compute_hours

    assert compute_hours(80.0, date(2026, 6, 21)) == 24.0
    assert compute_hours(80.0, date(2026, 12, 21)) == 0.0
