from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.schedules.definition import Recurrence, ScheduleDefinition
from domain.schedules.ticks import find_last_tick, find_next_tick, find_ticks, get_jitter
from domain.schedules.zones import find_zone
from tests.fakes import FakeCronExpressions

ITERATE = FakeCronExpressions().iterate
AFTER = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def list_local(schedule: Recurrence | ScheduleDefinition, after: datetime, count: int) -> list[str]:
    recurrence = schedule if isinstance(schedule, Recurrence) else schedule.recurrence
    zone = find_zone(recurrence.timezone)
    return [tick.astimezone(zone).isoformat(" ", "minutes") for tick in islice(find_ticks(schedule, after, ITERATE), count)]


def list_utc(schedule: Recurrence | ScheduleDefinition, count: int = 5, after: datetime = AFTER) -> list[str]:
    return [f"{tick:%m-%d %H:%M:%S}" for tick in islice(find_ticks(schedule, after, ITERATE), count)]


def a_schedule(cron: str = "0 12 * * *", timezone: str = "UTC", **keys: Any) -> ScheduleDefinition:
    return ScheduleDefinition("nightly", Recurrence(cron=cron, timezone=timezone), **keys)


def test_an_interval_counts_from_the_epoch() -> None:
    assert list_utc(Recurrence(every=900.0), 3) == ["03-02 09:15:00", "03-02 09:30:00", "03-02 09:45:00"]
    assert list_utc(Recurrence(every=900.0, offset=300.0), 2) == ["03-02 09:05:00", "03-02 09:20:00"]
    assert list_utc(Recurrence(every=604_800.0), 2) == ["03-05 00:00:00", "03-12 00:00:00"]  # 1970-01-01 was a Thursday


def test_an_interval_knows_no_clock_changes() -> None:
    ticks = list_local(Recurrence(every=86_400.0, timezone="Europe/Berlin"), datetime(2026, 3, 28, 12, tzinfo=UTC), 2)

    assert ticks == ["2026-03-29 01:00+01:00", "2026-03-30 02:00+02:00"]


def test_a_single_time_is_due_once() -> None:
    at = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)

    assert list(find_ticks(Recurrence(at=at), AFTER, ITERATE)) == [at]
    assert list(find_ticks(Recurrence(at=at), at, ITERATE)) == []


@pytest.mark.parametrize("recurrence", [Recurrence(cron="0 * * * *"), Recurrence(every=3_600.0)])
def test_a_tick_at_the_given_instant_is_left_out(recurrence: Recurrence) -> None:
    assert find_next_tick(recurrence, AFTER, ITERATE) == AFTER + timedelta(hours=1)
    assert find_next_tick(recurrence, AFTER - timedelta(microseconds=1), ITERATE) == AFTER


def test_the_first_and_the_last_day_are_included() -> None:
    start, end = datetime(2026, 3, 4, 12, tzinfo=UTC), datetime(2026, 3, 6, 12, tzinfo=UTC)

    assert list_utc(a_schedule(start=start, end=end)) == ["03-04 12:00:00", "03-05 12:00:00", "03-06 12:00:00"]


def test_a_skipped_date_is_one_of_the_schedules_zone() -> None:
    schedule = a_schedule("0 1,23 * * *", "Asia/Tokyo", skip=(date(2026, 3, 4),))

    assert list_local(schedule, AFTER, 4) == [
        "2026-03-02 23:00+09:00",
        "2026-03-03 01:00+09:00",
        "2026-03-03 23:00+09:00",
        "2026-03-05 01:00+09:00",
    ]


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "ticks"),
    [
        ("30 2 * * *", "America/New_York", (2026, 3, 7, 12), ["2026-03-08 03:00-04:00", "2026-03-09 02:30-04:00"]),
        ("15 2 * * *", "Australia/Lord_Howe", (2026, 10, 3, 0), ["2026-10-04 02:30+11:00", "2026-10-05 02:15+11:00"]),
        ("30 0 * * *", "America/Santiago", (2026, 9, 5, 12), ["2026-09-06 01:00-03:00", "2026-09-07 00:30-03:00"]),
        (
            "0,30 2,3 * * *",
            "Europe/Berlin",
            (2026, 3, 29, 0),
            ["2026-03-29 03:00+02:00", "2026-03-29 03:30+02:00", "2026-03-30 02:00+02:00"],
        ),
    ],
)
def test_fixed_times_that_the_clocks_skip_fire_once_after_it(cron: str, timezone: str, after: Any, ticks: list[str]) -> None:
    assert list_local(Recurrence(cron=cron, timezone=timezone), datetime(*after, tzinfo=UTC), len(ticks)) == ticks


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "ticks"),
    [
        ("30 1 * * *", "America/New_York", (2026, 10, 31, 12), ["2026-11-01 01:30-04:00", "2026-11-02 01:30-05:00"]),
        ("30 1 * * *", "America/New_York", (2026, 11, 1, 5, 45), ["2026-11-02 01:30-05:00"]),
        ("30 1 * * *", "America/New_York", (2026, 11, 1, 6, 10), ["2026-11-02 01:30-05:00"]),
        ("45 1 * * *", "Australia/Lord_Howe", (2026, 4, 4, 0), ["2026-04-05 01:45+11:00", "2026-04-06 01:45+10:30"]),
        (
            "0,30 1 * * *",
            "America/New_York",
            (2026, 11, 1, 0),
            ["2026-11-01 01:00-04:00", "2026-11-01 01:30-04:00", "2026-11-02 01:00-05:00"],
        ),
    ],
)
def test_fixed_times_that_the_clocks_show_twice_fire_at_the_first(cron: str, timezone: str, after: Any, ticks: list[str]) -> None:
    assert list_local(Recurrence(cron=cron, timezone=timezone), datetime(*after, tzinfo=UTC), len(ticks)) == ticks


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "ticks"),
    [
        (
            "*/30 * * * *",
            "America/New_York",
            (2026, 3, 8, 6),
            ["2026-03-08 01:30-05:00", "2026-03-08 03:00-04:00", "2026-03-08 03:30-04:00"],
        ),
        ("0 * * * *", "Europe/Berlin", (2026, 10, 24, 23), ["2026-10-25 02:00+02:00", "2026-10-25 02:00+01:00", "2026-10-25 03:00+01:00"]),
        ("*/30 2 * * *", "America/New_York", (2026, 3, 8, 0), ["2026-03-09 02:00-04:00", "2026-03-09 02:30-04:00"]),
        ("*/20 0 * * *", "America/Santiago", (2026, 9, 6, 0), ["2026-09-07 00:00-03:00"]),
        ("*/15 5 * * *", "Australia/Lord_Howe", (2026, 4, 4, 12), ["2026-04-05 05:00+10:30", "2026-04-05 05:15+10:30"]),
        ("*/15 5 * * *", "Australia/Lord_Howe", (2026, 10, 3, 12), ["2026-10-04 05:00+11:00", "2026-10-04 05:15+11:00"]),
        (
            "*/20 1 * * *",
            "Australia/Lord_Howe",
            (2026, 4, 4, 14, 30),
            ["2026-04-05 01:40+11:00", "2026-04-05 01:40+10:30", "2026-04-06 01:00+10:30"],
        ),
        (
            "*/30 2 25 10 *",  # on one day of the year, which the clocks make longer
            "Europe/Berlin",
            (2025, 11, 1),
            [f"2026-10-25 {time}" for time in ("02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00")] + ["2027-10-25 02:00+02:00"],
        ),
        ("*/30 2 29 3 *", "Europe/Berlin", (2025, 11, 1), ["2027-03-29 02:00+02:00"]),  # 02:00 does not exist in 2026
    ],
)
def test_wildcards_follow_elapsed_time(cron: str, timezone: str, after: Any, ticks: list[str]) -> None:
    assert list_local(Recurrence(cron=cron, timezone=timezone), datetime(*after, tzinfo=UTC), len(ticks)) == ticks


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Casablanca"])
CRONS = st.sampled_from(
    ["30 2 * * *", "*/7 * * * *", "0 */3 * * *", "15,45 1-3 * * 0", "0 0 1 * *", "*/10 0-3 * * *", "59 23 31 12 *", "@hourly", "1 0 29 2 *"]
)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2037, 12, 31)).map(lambda time: time.replace(tzinfo=UTC))
RECURRENCES = st.builds(Recurrence, cron=CRONS, timezone=ZONES) | st.builds(
    lambda every, share: Recurrence(every=float(every), offset=float(int(every * share))), st.integers(5, 10**6), st.floats(0, 0.99)
)


def is_ascending(ticks: Iterable[datetime]) -> bool:
    return all(tick < later for tick, later in pairwise(ticks))


@settings(deadline=None, max_examples=150)
@given(RECURRENCES, INSTANTS)
def test_ticks_strictly_increase_after_the_given_instant(recurrence: Recurrence, after: datetime) -> None:
    ticks = list(islice(find_ticks(recurrence, after, ITERATE), 12))

    assert len(ticks) == 12
    assert is_ascending([after, *ticks])
    assert all(tick.utcoffset() == timedelta(0) for tick in ticks)


@settings(deadline=None, max_examples=100)
@given(RECURRENCES, INSTANTS)
def test_ticks_are_the_same_from_wherever_they_are_computed(recurrence: Recurrence, after: datetime) -> None:
    first, second, third = islice(find_ticks(recurrence, after, ITERATE), 3)

    assert find_next_tick(recurrence, first, ITERATE) == second
    assert find_next_tick(recurrence, first + (second - first) / 2, ITERATE) == second
    assert find_last_tick(recurrence, third - timedelta(microseconds=1), ITERATE) == second
    assert find_last_tick(recurrence, third, ITERATE) == third


def test_there_may_be_no_last_tick() -> None:
    assert find_last_tick(a_schedule(start=AFTER), AFTER, ITERATE) is None
    assert find_last_tick(Recurrence(at=AFTER), AFTER - timedelta(seconds=1), ITERATE) is None


@given(st.text(max_size=20), INSTANTS, st.floats(0, 86_400))
def test_jitter_is_below_its_limit_and_always_the_same(key: str, due_at: datetime, jitter: float) -> None:
    delay = get_jitter(key.encode(errors="replace").decode(), due_at, jitter)

    assert timedelta(0) <= delay
    assert delay < timedelta(seconds=jitter) or delay == timedelta(0)
    assert get_jitter(key.encode(errors="replace").decode(), due_at, jitter) == delay


def test_jitter_spreads_ticks_and_schedules() -> None:
    ticks = [AFTER + timedelta(days=day) for day in range(100)]

    assert len({get_jitter("7", tick, 120.0) for tick in ticks}) > 90
    assert len({get_jitter(str(key), AFTER, 120.0) for key in range(100)}) > 90


@pytest.mark.parametrize("after", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)])
@pytest.mark.parametrize(
    "recurrence", [Recurrence(cron="0 0 * * *", timezone="Asia/Tokyo"), Recurrence(cron="* * * * *"), Recurrence(every=5.0)]
)
def test_times_outside_the_calendar_end_the_ticks(recurrence: Recurrence, after: datetime) -> None:
    tick = find_next_tick(recurrence, after, ITERATE)

    assert tick is None if after.year == 9999 else tick is not None and tick.year in (1969, 1970)
