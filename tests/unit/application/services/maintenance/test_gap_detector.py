"""The gaps between the times at which a service saw the store."""

from application.services.maintenance.gap_detector import GapDetector
from tests.support.builders import seconds_later


def test_only_a_time_long_after_the_last_one_ends_a_gap() -> None:
    gaps = GapDetector(5.0)

    assert gaps.ends_gap(seconds_later(0))
    assert not gaps.ends_gap(seconds_later(5))
    assert gaps.ends_gap(seconds_later(10.1))
    assert not gaps.ends_gap(seconds_later(10.1))


def test_a_clock_that_was_set_back_ends_a_gap() -> None:
    gaps = GapDetector(5.0)
    gaps.ends_gap(seconds_later(7_200))

    assert not gaps.ends_gap(seconds_later(7_199))
    assert gaps.ends_gap(seconds_later(0))
