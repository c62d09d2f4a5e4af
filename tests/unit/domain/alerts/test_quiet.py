"""Quiet hours over midnight, over whole days and over clock changes."""

from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.alerts.quiet import find_quiet_end
from domain.alerts.rule import QuietHours
from domain.schedules.zones import find_zone, to_local

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "America/New_York")


def quiet(zone: str, start: str, end: str) -> QuietHours:
    return QuietHours(zone, time.fromisoformat(start), time.fromisoformat(end))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("hours", "now", "end"),
    [
        (quiet("UTC", "09:00", "17:00"), "2026-11-29T08:59:59Z", None),
        (quiet("UTC", "09:00", "17:00"), "2026-11-29T09:00:00Z", "2026-11-29T17:00:00Z"),
        (quiet("UTC", "09:00", "17:00"), "2026-11-29T16:59:59.999999Z", "2026-11-29T17:00:00Z"),
        (quiet("UTC", "09:00", "17:00"), "2026-11-29T17:00:00Z", None),
        (quiet("UTC", "22:00", "07:00"), "2026-11-29T21:59:59Z", None),
        (quiet("UTC", "22:00", "07:00"), "2026-11-29T23:00:00Z", "2026-11-30T07:00:00Z"),
        (quiet("UTC", "22:00", "07:00"), "2026-11-30T03:00:00Z", "2026-11-30T07:00:00Z"),
        (quiet("UTC", "22:00", "00:00"), "2026-11-29T23:59:00Z", "2026-11-30T00:00:00Z"),
        (quiet("UTC", "00:00", "00:00"), "2026-11-29T12:00:00Z", "2026-11-30T00:00:00Z"),
        (quiet("UTC", "07:00", "07:00"), "2026-11-29T06:59:00Z", "2026-11-29T07:00:00Z"),
        (quiet("UTC", "07:00", "07:00"), "2026-11-29T07:00:00Z", "2026-11-30T07:00:00Z"),
        (quiet("Asia/Kolkata", "22:00", "07:00"), "2026-11-29T16:30:00Z", "2026-11-30T01:30:00Z"),
        (quiet("Asia/Kolkata", "22:00", "07:00"), "2026-11-29T16:29:00Z", None),
        (quiet("Nowhere/Unknown", "22:00", "07:00"), "2026-11-29T23:00:00Z", "2026-11-30T07:00:00Z"),
    ],
    ids=str,
)
def test_quiet_hours_on_usual_days(hours: QuietHours, now: str, end: str | None) -> None:
    assert find_quiet_end(hours, at(now)) == (at(end) if end else None)


@pytest.mark.parametrize(
    ("hours", "now", "end"),
    [
        # 2026-03-29 in Berlin: 02:00 CET becomes 03:00 CEST.
        (quiet("Europe/Berlin", "22:00", "07:00"), "2026-03-28T23:00+01:00", "2026-03-29T07:00+02:00"),
        (quiet("Europe/Berlin", "22:00", "02:30"), "2026-03-29T01:59+01:00", "2026-03-29T03:00+02:00"),
        (quiet("Europe/Berlin", "22:00", "02:30"), "2026-03-29T03:00+02:00", None),
        (quiet("Europe/Berlin", "02:30", "04:00"), "2026-03-29T01:59+01:00", None),
        (quiet("Europe/Berlin", "02:30", "04:00"), "2026-03-29T03:00+02:00", "2026-03-29T04:00+02:00"),
        (quiet("Europe/Berlin", "02:15", "02:45"), "2026-03-29T03:00+02:00", None),
        # 2026-10-25 in Berlin: 03:00 CEST becomes 02:00 CET.
        (quiet("Europe/Berlin", "22:00", "07:00"), "2026-10-24T23:00+02:00", "2026-10-25T07:00+01:00"),
        (quiet("Europe/Berlin", "22:00", "02:30"), "2026-10-25T02:29+02:00", "2026-10-25T02:30+02:00"),
        (quiet("Europe/Berlin", "22:00", "02:30"), "2026-10-25T02:15+01:00", None),
        (quiet("Europe/Berlin", "02:30", "03:30"), "2026-10-25T02:15+01:00", "2026-10-25T03:30+01:00"),
        (quiet("Europe/Berlin", "03:00", "03:00"), "2026-10-25T02:59+01:00", "2026-10-25T03:00+01:00"),
        # 2026-04-05 on Lord Howe: clocks go back by 30 minutes at 02:00.
        (quiet("Australia/Lord_Howe", "22:00", "07:00"), "2026-04-04T23:00+11:00", "2026-04-05T07:00+10:30"),
        (quiet("Australia/Lord_Howe", "22:00", "01:45"), "2026-04-05T01:40+11:00", "2026-04-05T01:45+11:00"),
        (quiet("Australia/Lord_Howe", "22:00", "01:45"), "2026-04-05T01:40+10:30", None),
        # 2026-10-04 on Lord Howe: 02:00 becomes 02:30.
        (quiet("Australia/Lord_Howe", "22:00", "02:15"), "2026-10-04T01:59+10:30", "2026-10-04T02:30+11:00"),
        # Apia had no 30th of December 2011.
        (quiet("Pacific/Apia", "22:00", "07:00"), "2011-12-29T23:00-10:00", "2011-12-31T00:00+14:00"),
    ],
    ids=str,
)
def test_quiet_hours_over_clock_changes(hours: QuietHours, now: str, end: str | None) -> None:
    assert find_quiet_end(hours, at(now)) == (at(end) if end else None)


TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))
CHANGES = st.sampled_from([at("2026-03-29T01:00Z"), at("2026-10-25T01:00Z"), at("2026-04-04T15:00Z"), at("2026-10-03T15:30Z")])
NEAR_CHANGES = st.builds(lambda change, minutes: change + timedelta(minutes=minutes), CHANGES, st.integers(-1_500, 1_500))


@given(st.sampled_from(ZONES), TIMES, TIMES, INSTANTS | NEAR_CHANGES)
@example("Europe/Berlin", time(2, 30), time(2, 30), at("2026-03-29T00:59Z"))
def test_quiet_hours_end_within_a_day_and_nothing_is_held_longer(zone: str, start: time, end: time, now: datetime) -> None:
    hours = QuietHours(zone, start, end)

    found = find_quiet_end(hours, now)

    if found is None:
        assert start != end
    else:
        assert now < found <= now + timedelta(hours=26)
        assert start == end or find_quiet_end(hours, found) is None or _is_skipped_or_repeated(zone, found)


@given(st.sampled_from(ZONES), TIMES, TIMES, INSTANTS)
def test_a_time_is_quiet_if_the_clocks_show_one_within_the_hours(zone: str, start: time, end: time, now: datetime) -> None:
    known = find_zone(zone)
    assert known is not None
    shown = to_local(now, known).time()
    is_within = start <= shown < end if start < end else shown >= start or shown < end

    if not _is_skipped_or_repeated(zone, now):
        assert (find_quiet_end(QuietHours(zone, start, end), now) is not None) == is_within


def _is_skipped_or_repeated(zone: str, now: datetime) -> bool:
    """Return True if the zone's offset changes within two days of an instant."""
    known = find_zone(zone)
    assert known is not None
    hours = (now + timedelta(hours=hour) for hour in range(-48, 49, 12))
    return len({hour.astimezone(known).utcoffset() for hour in hours}) > 1
