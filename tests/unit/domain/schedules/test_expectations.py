from datetime import UTC, datetime, timedelta

import pytest

from domain.schedules.definition import Expectation, Recurrence
from domain.schedules.expectation_words import describe_expected, describe_late, describe_overdue, describe_overrun
from domain.schedules.expectations import ReportedRun, find_awaited_tick, find_late_tick, judge_ticks, list_expected_ticks
from tests.fakes import FakeCronExpressions

ITERATE = FakeCronExpressions().iterate
DAY = datetime(2026, 3, 2, tzinfo=UTC)
DAILY = Expectation(Recurrence(cron="0 3 * * *"))
HOURLY = Expectation(Recurrence(cron="0 * * * *"), grace=600.0)


def at(time: str, day: int = 2) -> datetime:
    return datetime.fromisoformat(f"2026-03-{day:02}T{time}").replace(tzinfo=UTC)


def a_run(start: str, day: int = 2, number: int = 1) -> ReportedRun:
    return ReportedRun(number, at(start, day))


def judge(expectation: Expectation, *runs: ReportedRun, now: datetime) -> list[tuple[str, int | None]]:
    ticks = list_expected_ticks(expectation, DAY, now, ITERATE)
    return [(tick.state.value, tick.run.id if tick.run else None) for tick in judge_ticks(ticks, runs, now)]


@pytest.mark.parametrize(
    ("start", "state"),
    [
        ("02:54:59", "missed"),
        ("02:55:00", "met"),
        ("03:00:00", "met"),
        ("03:15:00", "met"),
        ("03:15:01", "late"),
        ("23:00:00", "late"),
    ],
)
def test_a_run_is_in_time_from_five_minutes_before_a_daily_tick_to_its_grace(start: str, state: str) -> None:
    ((found, _),) = judge(DAILY, a_run(start), now=at("23:59"))

    assert found == state


def test_a_run_may_start_a_tenth_of_a_short_period_early() -> None:
    every_ten_minutes = Expectation(Recurrence(every=600.0), grace=60.0)
    (first, *_) = list_expected_ticks(every_ten_minutes, DAY, at("01:00"), ITERATE)

    assert first.due_at - first.opens_at == timedelta(minutes=1)


def test_the_period_is_the_distance_from_the_previous_tick() -> None:
    twice = Expectation(Recurrence(cron="0,20 3 * * *"))
    ticks = list_expected_ticks(twice, DAY, at("23:00"), ITERATE)

    assert [tick.due_at - tick.opens_at for tick in ticks] == [timedelta(minutes=5), timedelta(minutes=2)]


def test_a_tick_is_missed_when_its_grace_is_over() -> None:
    assert judge(DAILY, now=at("02:59")) == []
    assert judge(DAILY, now=at("03:15")) == [("expected", None)]
    assert judge(DAILY, now=at("03:15:01")) == [("missed", None)]


def test_a_missed_tick_becomes_late_when_a_run_starts_before_the_next_one() -> None:
    assert judge(HOURLY, a_run("02:30"), now=at("03:05")) == [("missed", None), ("late", 1), ("expected", None)]


def test_one_late_run_counts_for_one_tick() -> None:
    assert judge(HOURLY, a_run("03:30"), now=at("03:59")) == [("missed", None), ("missed", None), ("late", 1)]


def test_each_run_counts_for_one_tick_and_further_runs_for_none() -> None:
    runs = [a_run("01:00", number=1), a_run("01:05", number=2), a_run("02:02", number=3)]

    assert judge(HOURLY, *reversed(runs), now=at("02:59")) == [("met", 1), ("met", 3)]


def test_runs_meet_ticks_in_their_order_if_the_grace_is_longer_than_the_period() -> None:
    patient = Expectation(Recurrence(cron="0 * * * *"), grace=3 * 3_600.0)
    runs = [a_run("03:10", number=1), a_run("03:20", number=2), a_run("03:30", number=3)]

    assert judge(patient, *runs, now=at("03:59")) == [("met", 1), ("met", 2), ("met", 3)]


def test_ticks_follow_clock_changes_as_schedules_do() -> None:
    berlin = Expectation(Recurrence(cron="30 2 * * *", timezone="Europe/Berlin"))
    ticks = list_expected_ticks(berlin, at("12:00", 28), at("12:00", 30), ITERATE)

    assert [tick.due_at for tick in ticks] == [at("01:00", 29), at("00:30", 30)]


@pytest.mark.parametrize(
    ("last_start", "awaited"),
    [
        (None, "02T03:00"),
        ("01:00", "02T03:00"),
        ("02:54", "02T03:00"),
        ("02:55", "03T03:00"),
        ("03:40", "03T03:00"),
        ("23:00", "03T03:00"),
    ],
)
def test_the_awaited_tick_is_the_first_without_a_run(last_start: str | None, awaited: str) -> None:
    found = find_awaited_tick(DAILY, at(last_start) if last_start else None, DAY - timedelta(hours=12), ITERATE)

    assert found is not None
    assert f"{found.due_at:%dT%H:%M}" == awaited
    assert found.closes_at - found.due_at == timedelta(minutes=15)


def test_ticks_before_the_expectation_was_defined_are_not_awaited() -> None:
    by_run, by_none = (find_awaited_tick(DAILY, start, at("09:00", 6), ITERATE) for start in (at("03:00", 2), None))

    assert by_run is not None and by_none is not None
    assert by_run.due_at == by_none.due_at == at("03:00", 7)


@pytest.mark.parametrize(
    ("starts", "due_at"),
    [
        ([], None),
        (["03:00"], None),
        (["03:15"], None),
        (["03:16"], "03:00"),
        (["03:05", "03:16"], None),  # the second one is an extra run
        (["02:50"], None),  # late for the day before, when the expectation was not defined yet
        (["02:50", "04:00"], "03:00"),
    ],
)
def test_the_newest_run_is_late_if_no_run_started_in_time(starts: list[str], due_at: str | None) -> None:
    runs = [a_run(start, number=number) for number, start in enumerate(starts)]
    found = find_late_tick(DAILY, runs, DAY, ITERATE)

    assert (found.due_at if found else None) == (at(due_at) if due_at else None)


def test_a_run_is_overrun_after_its_longest_duration() -> None:
    running, ended = ReportedRun(1, at("03:00")), ReportedRun(2, at("03:00"), at("05:00:01"))

    assert [running.is_overrun(7_200.0, at(now)) for now in ("05:00:00", "05:00:01")] == [False, True]
    assert ended.is_overrun(7_200.0, at("23:00"))
    assert not ended.is_overrun(7_201.0, at("23:00"))
    assert not ended.is_overrun(None, at("23:00"))


def test_a_run_that_waits_for_people_keeps_the_time_at_which_it_was_overrun() -> None:
    waiting = ReportedRun(1, at("03:00"), idle_seconds=1_800.0, idle_since=at("05:30"))

    assert waiting.get_limit_at(3_600.0) == at("04:30")
    assert waiting.is_overrun(3_600.0, at("23:00"))
    assert waiting.get_limit_at(7_200.0) is None
    assert not waiting.is_overrun(7_200.0, at("23:00"))


def test_sentences_name_the_time_and_what_was_expected() -> None:
    explain = {"0 3 * * *": "At 03:00 every day", "0 */6 * * 1": "At minute 0 past every sixth hour on Monday"}.__getitem__
    berlin = Expectation(Recurrence(cron="0 3 * * *", timezone="Europe/Berlin"))
    mondays = Expectation(Recurrence(cron="0 */6 * * 1"))

    assert describe_overdue(DAILY, at("03:15"), at("12:00"), explain) == "Overdue since 03:15, expected daily at 03:00"
    assert describe_overdue(DAILY, at("03:15"), at("12:00", 4), explain) == "Overdue since 2026-03-02 03:15, expected daily at 03:00"
    assert describe_late(berlin, at("02:40"), at("12:00"), explain) == "Late: started at 03:40, expected daily at 03:00 (Europe/Berlin)"
    assert describe_expected(mondays, explain) == "expected at minute 0 past every sixth hour on Monday"
    assert describe_expected(Expectation(Recurrence(every=900.0)), explain) == "expected every 15 minutes"
    assert describe_overrun(5_400.0, is_running=True) == "Takes longer than 1 hour 30 minutes"
    assert describe_overrun(60.0, is_running=False) == "Took longer than 1 minute"
