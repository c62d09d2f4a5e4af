from datetime import UTC, datetime, timedelta

import pytest

from domain.schedules.catch_up import MAX_CAUGHT_UP, is_late, plan_catch_up
from domain.schedules.definition import CatchUpPolicy
from domain.schedules.tick import TickReason

NOW = datetime(2026, 3, 2, 12, 30, tzinfo=UTC)
TEN, ELEVEN, TWELVE = (datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in (10, 11, 12))
DAY = 86_400.0


@pytest.mark.parametrize(("seconds", "late"), [(-5, False), (0, False), (60, False), (60.001, True), (3_600, True)])
def test_a_tick_is_missed_after_a_minute(seconds: float, late: bool) -> None:
    assert is_late(NOW - timedelta(seconds=seconds), NOW) is late


@pytest.mark.parametrize(
    ("policy", "window", "late", "reasons"),
    [
        (CatchUpPolicy.NONE, DAY, [], [TickReason.OUTAGE] * 3),
        (CatchUpPolicy.LATEST, DAY, [TWELVE], [TickReason.SUPERSEDED] * 2),
        (CatchUpPolicy.ALL, DAY, [TEN, ELEVEN, TWELVE], []),
        (CatchUpPolicy.LATEST, 2 * 3_600.0, [TWELVE], [TickReason.OUTSIDE_WINDOW, TickReason.SUPERSEDED]),
        (CatchUpPolicy.ALL, 2 * 3_600.0, [ELEVEN, TWELVE], [TickReason.OUTSIDE_WINDOW]),
        (CatchUpPolicy.LATEST, 60.0, [], [TickReason.OUTSIDE_WINDOW] * 3),
        (CatchUpPolicy.ALL, 60.0, [], [TickReason.OUTSIDE_WINDOW] * 3),
        (CatchUpPolicy.NONE, 60.0, [], [TickReason.OUTAGE] * 3),
    ],
)
def test_the_policy_and_the_window_choose_the_ticks_that_run_late(
    policy: CatchUpPolicy, window: float, late: list[datetime], reasons: list[TickReason]
) -> None:
    plan = plan_catch_up(policy, window, [TEN, ELEVEN, TWELVE], NOW)

    assert plan.late == late
    assert list(plan.missed.values()) == reasons
    assert sorted([*plan.late, *plan.missed]) == [TEN, ELEVEN, TWELVE]


def test_the_oldest_hundred_run() -> None:
    ticks = [NOW - timedelta(minutes=minutes) for minutes in range(150, 0, -1)]

    plan = plan_catch_up(CatchUpPolicy.ALL, DAY, ticks, NOW)

    assert plan.late == ticks[:MAX_CAUGHT_UP]
    assert set(plan.missed.values()) == {TickReason.QUEUE_FULL}
    assert len(plan.missed) == 50


def test_no_tick_gives_an_empty_plan() -> None:
    assert plan_catch_up(CatchUpPolicy.ALL, DAY, [], NOW) == ([], {})


def test_a_plan_without_late_ticks_has_the_same_ticks() -> None:
    plan = plan_catch_up(CatchUpPolicy.LATEST, DAY, [TEN, ELEVEN, TWELVE], NOW).drop_late()

    assert plan.late == []
    assert plan.missed == dict.fromkeys([TEN, ELEVEN, TWELVE], TickReason.SUPERSEDED)
