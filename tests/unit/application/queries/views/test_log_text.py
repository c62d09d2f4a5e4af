"""The lines of a log as a text file has them."""

from datetime import UTC, datetime, timedelta, timezone

from application.queries.views.log_text import format_log_line
from application.queries.views.logs import LogLineView


def test_a_line_has_its_time_in_utc_its_stage_attempt_and_stream_and_no_colours() -> None:
    at = datetime(2026, 11, 30, 1, 2, 3, 456_789, UTC)
    line = LogLineView(7, at, "stderr", "\x1b[31mno such\x1b[0m\ttable", "load it", 2)

    assert format_log_line(line) == "2026-11-30T01:02:03.456Z  load it[2] stderr  no such\ttable"


def test_a_time_of_another_zone_becomes_utc() -> None:
    at = datetime(2026, 11, 30, 2, 0, tzinfo=timezone(timedelta(hours=2)))

    assert format_log_line(LogLineView(1, at, "stdout", "", "a", 1)) == "2026-11-30T00:00:00.000Z  a[1] stdout  "


def test_a_line_whose_order_is_approximate_is_marked() -> None:
    line = LogLineView(1, datetime(2026, 11, 30, tzinfo=UTC), "stderr", "no", "a", 1, is_order_approximate=True)

    assert format_log_line(line) == "2026-11-30T00:00:00.000Z  a[1] stderr≈ no"
