from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.system.cronsim_expressions import CronsimExpressions
from application.queries.schedules.expectations import JudgeExpectations
from application.queries.views.pipelines import PipelineView
from application.queries.views.runs import RunBar
from domain.pipelines.activation import Activation
from domain.runs.status import Status
from tests.support.builders import a_definition, a_stage

JUDGE = JudgeExpectations(CronsimExpressions())
CREATED = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(time: str, day: int = 2) -> datetime:
    return datetime.fromisoformat(f"2026-03-{day:02}T{time}").replace(tzinfo=UTC)


def a_pipeline(*expect: Any) -> PipelineView:
    definition = a_definition("remote", [a_stage("a", "external")], expect=list(expect))
    return PipelineView(1, 1, definition, CREATED, CREATED)


def a_bar(start: datetime, end: datetime | None = None, number: int = 1) -> RunBar:
    return RunBar(number, number, Status.COMPLETED if end else Status.RUNNING, start, start, end)


DAILY = {"cron": "0 3 * * *", "max_duration": "2h"}


@pytest.mark.parametrize(
    ("bars", "now", "state", "sentence"),
    [
        ([], at("03:10"), "on_time", None),
        ([], at("12:00"), "overdue", "Overdue since 03:15, expected daily at 03:00"),
        ([], at("12:00", 4), "overdue", "Overdue since 2026-03-02 03:15, expected daily at 03:00"),
        ([a_bar(at("03:02"), at("03:30"))], at("12:00"), "on_time", None),
        ([a_bar(at("03:40"), at("04:00"))], at("12:00"), "late", "Late: started at 03:40, expected daily at 03:00"),
        ([a_bar(at("03:02"))], at("12:00"), "overrun", "Takes longer than 2 hours"),
        ([a_bar(at("03:02"), at("06:00"))], at("12:00"), "overrun", "Took longer than 2 hours"),
        ([a_bar(at("03:02"), at("06:00"))], at("12:00", 3), "overdue", "Overdue since 03:15, expected daily at 03:00"),
    ],
)
def test_the_newest_run_decides_how_an_expectation_is_met(bars: list[RunBar], now: datetime, state: str, sentence: str | None) -> None:
    (status,) = JUDGE.judge(a_pipeline(DAILY), bars, now)

    assert (status.state, status.sentence) == (state, sentence)


def test_the_worst_of_several_expectations_is_found() -> None:
    pipeline = a_pipeline({"cron": "0 3 * * *"}, {"cron": "0 9 * * *"})
    worst = JUDGE.find_worst(pipeline, [a_bar(at("03:00"))], at("10:00"))

    assert worst is not None
    assert worst.sentence == "Overdue since 09:15, expected daily at 09:00"
    assert JUDGE.find_worst(a_pipeline(), [], at("10:00")) is None


@pytest.mark.parametrize("activation", [Activation(paused_at=CREATED), Activation(archived_at=CREATED)])
def test_nothing_is_expected_of_a_paused_or_archived_pipeline(activation: Activation) -> None:
    (status,) = JUDGE.judge(replace(a_pipeline(DAILY), activation=activation), [], at("12:00"))

    assert (status.state, status.sentence) == ("on_time", None)


def test_the_last_ticks_are_listed_with_their_runs() -> None:
    bars = [a_bar(at("03:00", 2), number=1), a_bar(at("04:00", 3), number=2)]
    ticks = JUDGE.list_ticks(a_pipeline(DAILY).definition.expect[0], a_pipeline(DAILY), bars, at("12:00", 4), 20, is_complete=True)

    assert [(tick.due_at.day, tick.state.value, tick.run.id if tick.run else None) for tick in ticks] == [
        (2, "met", 1),
        (3, "late", 2),
        (4, "missed", None),
    ]


def test_ticks_before_the_runs_that_are_known_are_left_out() -> None:
    starts = [at("00:00", 2) + timedelta(hours=hours) for hours in range(50)]
    pipeline = a_pipeline({"cron": "0 * * * *"})
    bars = [a_bar(start) for start in starts]
    ticks = JUDGE.list_ticks(pipeline.definition.expect[0], pipeline, bars, starts[-1], 100, is_complete=False)

    assert {tick.state.value for tick in ticks} == {"met"}


def test_only_the_last_ticks_of_a_short_interval_are_computed() -> None:
    pipeline = a_pipeline({"every": 5})
    ticks = JUDGE.list_ticks(pipeline.definition.expect[0], pipeline, [], at("12:00", 20), 20, is_complete=True)

    assert len(ticks) == 20
    assert ticks[-1].due_at == at("12:00", 20)
