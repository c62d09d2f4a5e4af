"""The active time of a run leaves out the time in which it only waited for people."""

from datetime import datetime, timedelta
from typing import Any

from domain.flow_runs.flow_run import FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.runs.active_time import get_active_seconds, get_idle_seconds
from domain.runs.approvals import Decision, decide_approval
from domain.runs.retry import retry_failed
from domain.runs.run import Run
from domain.runs.run_flow_runs import observe_flow_run, record_created
from domain.runs.stage_actions import skip_stage
from domain.runs.status import Status
from tests.support.builders import NOW, WORKER, a_run, a_stage
from tests.unit.domain.runs.run_helpers import MARA

NIGHT = 8 * 3_600.0


class Clock:
    """Runs the stages of a run as time passes."""

    def __init__(self, run: Run) -> None:
        self.run, self.now = run, NOW

    def wait(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now

    def work(self, stage: str, seconds: float, status: Status = Status.COMPLETED) -> None:
        """Start a queued stage at once and end it after so many seconds."""
        self.run.claim(self.run.dispatch.epoch, WORKER, self.now)
        self.run.start_ready_stages(10, WORKER, self.now)
        self.run.move(self.run.stages[stage], status, self.wait(seconds))
        self.run.propagate(self.now)
        self.run.end_dispatch(self.now)

    def decide(self, approves: bool = True) -> None:
        decide_approval(self.run, "ask", Decision(approves), self.now, MARA)

    @property
    def figures(self) -> tuple[float | None, float]:
        return get_active_seconds(self.run, self.now), get_idle_seconds(self.run, self.now)


def a_clock(*stages: dict[str, Any]) -> Clock:
    return Clock(a_run(stages))


def test_the_night_before_a_retry_is_idle() -> None:
    clock = a_clock(a_stage("a"))
    clock.work("a", 60, Status.FAILED)

    clock.wait(NIGHT)
    assert clock.figures == (60, 0), "a finished run is not idle until a person reopens it"
    retry_failed(clock.run, clock.now, MARA)
    clock.work("a", 30)

    assert clock.figures == (90, NIGHT)


def test_the_hours_before_a_skip_are_idle() -> None:
    clock = a_clock(a_stage("a"), a_stage("b", needs=["a"]))
    clock.work("a", 60, Status.FAILED)

    skip_stage(clock.run, "a", clock.wait(NIGHT), MARA, None)
    clock.work("b", 5)

    assert clock.figures == (65, NIGHT)


def test_the_wait_for_an_approval_is_idle_while_it_lasts_and_afterwards() -> None:
    clock = a_clock(a_stage("a"), a_stage("ask", "approval", needs=["a"]), a_stage("b", needs=["ask"]))
    clock.work("a", 60)

    clock.wait(NIGHT)
    assert clock.figures == (60, NIGHT)
    clock.decide()
    clock.wait(10)
    clock.work("b", 20)

    assert clock.figures == (90, NIGHT), "the 10 s in the queue are active"


def test_a_rejected_approval_ends_the_idle_time_with_the_run() -> None:
    clock = a_clock(a_stage("a"), a_stage("ask", "approval", needs=["a"]))
    clock.work("a", 60)

    clock.wait(NIGHT)
    clock.decide(approves=False)
    clock.wait(NIGHT)

    assert clock.run.status is Status.FAILED
    assert clock.figures == (60, NIGHT)


def test_an_approval_beside_a_running_stage_is_not_idle() -> None:
    clock = a_clock(a_stage("a"), a_stage("ask", "approval"), a_stage("b", needs=["ask"]))

    clock.work("a", 600)
    clock.wait(100)
    clock.decide()
    clock.work("b", 20)

    assert clock.figures == (620, 100)


def test_a_run_that_has_not_started_has_no_active_time() -> None:
    clock = a_clock(a_stage("ask", "approval"), a_stage("a", needs=["ask"]))

    clock.wait(NIGHT)
    assert clock.figures == (None, 0)
    clock.decide()
    clock.work("a", 20)

    assert clock.figures == (20, 0)


def test_a_wait_for_a_report_is_active() -> None:
    clock = a_clock(a_stage("a"), a_stage("ask", "approval", needs=["a"]), a_stage("r", "external", needs=["a"]))
    clock.work("a", 60)

    clock.wait(100)
    clock.run.move(clock.run.stages["r"], Status.COMPLETED, clock.now)
    clock.run.propagate(clock.now)
    clock.wait(40)

    assert clock.figures == (160, 40)


def test_a_flow_run_that_is_paused_in_prefect_is_idle() -> None:
    clock = a_clock(a_stage("train", "prefect"))
    record_created(clock.run, "train", 1, "f1", clock.now)

    for state, seconds in ((FlowState.RUNNING, 60), (FlowState.PAUSED, NIGHT), (FlowState.RUNNING, 30), (FlowState.COMPLETED, 0)):
        observe_flow_run(clock.run, "train", 1, FlowRunObservation(state, state.value), clock.now)
        clock.wait(seconds)

    assert clock.figures == (90, NIGHT)


def test_clocks_that_go_back_give_no_negative_times() -> None:
    clock = a_clock(a_stage("a"))
    clock.work("a", 60, Status.FAILED)

    retry_failed(clock.run, clock.wait(-5), MARA)

    assert clock.run.idle_seconds == 0
    assert get_active_seconds(clock.run, NOW - timedelta(days=1)) == 0
