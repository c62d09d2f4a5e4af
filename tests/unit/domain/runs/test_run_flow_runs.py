"""Flow runs of the stages of kind `prefect`: request, follow and cancel them."""

from datetime import timedelta
from typing import Any

import pytest

from domain.errors import Conflict
from domain.flow_runs.flow_run import FlowRun, FlowRunChange, FlowRunObservation
from domain.flow_runs.flow_state import FlowState
from domain.runs.attempt import Attempt
from domain.runs.dispatch import DispatchState
from domain.runs.events import EventType
from domain.runs.retry import change_revision, retry_failed
from domain.runs.run import Run
from domain.runs.run_flow_runs import (
    CANCEL_SECONDS,
    PREFECT,
    count_active_stages,
    fail_request,
    lose_flow_run,
    note_problem,
    observe_flow_run,
    record_created,
)
from domain.runs.stage_actions import cancel_stage, skip_stage
from domain.runs.status import Reason, Status
from tests.support.builders import NOW, WORKER, a_definition, a_run, a_stage, seconds_later
from tests.unit.domain.runs.run_helpers import MARA, end_stage, statuses

CREATE, CANCEL, FORGET = FlowRunChange.CREATE, FlowRunChange.CANCEL, FlowRunChange.FORGET
A_MINUTE_LATER = seconds_later(60)


def a_prefect_run(stages: int = 1, *, parallelism: int = 16, **keys: Any) -> Run:
    """Return a run of independent stages a, b, c… of kind `prefect`."""
    names = [chr(ord("a") + index) for index in range(stages)]
    return a_run([a_stage(name, "prefect", needs=[], **keys) for name in names], parallelism=parallelism)


def a_created_run(stages: int = 1, **keys: Any) -> Run:
    """Return a run of stages whose flow runs Prefect has created."""
    run = a_prefect_run(stages, **keys)
    for name in run.stages:
        record_created(run, name, 1, f"flow-{name}", NOW)
    return run


def a_running_run(**keys: Any) -> Run:
    run = a_created_run(**keys)
    see(run, "Running", at=seconds_later(10))
    return run


STATES = {
    "Scheduled": FlowState.SCHEDULED,
    "Late": FlowState.SCHEDULED,
    "AwaitingConcurrencySlot": FlowState.SCHEDULED,
    "AwaitingRetry": FlowState.SCHEDULED,
    "Pending": FlowState.PENDING,
    "Running": FlowState.RUNNING,
    "Paused": FlowState.PAUSED,
    "Suspended": FlowState.PAUSED,
    "Cancelling": FlowState.CANCELLING,
    "Completed": FlowState.COMPLETED,
    "Failed": FlowState.FAILED,
    "TimedOut": FlowState.FAILED,
    "Crashed": FlowState.CRASHED,
    "Cancelled": FlowState.CANCELLED,
}


def see(run: Run, state_name: str, *, at: Any = A_MINUTE_LATER, number: int = 1, **keys: Any) -> None:
    """Let Prefect say that the flow run of stage a is in this state."""
    observe_flow_run(run, "a", number, FlowRunObservation(STATES[state_name], state_name, **keys), at)


def attempt_of(run: Run, name: str = "a", number: int = 1) -> Attempt:
    return run.stages[name].attempts[number - 1]


def change_of(run: Run, position: int = 0, number: int = 1) -> FlowRunChange | None:
    return run.flow_run_changes.get((position, number))


def moves_of(run: Run) -> list[Status | None]:
    return [event.status for event in run.new_events if event.type is EventType.STAGE_MOVED]


def notes_of(run: Run) -> list[Any]:
    return [event.data["message"] for event in run.new_events if event.type is EventType.PREFECT_NOTED]


# -- Requests ---------------------------------------------------------------------------------------------------------------


def test_a_prefect_stage_that_has_its_turn_requests_a_flow_run_and_no_dispatch() -> None:
    run = a_prefect_run()

    assert statuses(run) == {"a": "queued 1"}
    assert attempt_of(run).flow_run == FlowRun(NOW)
    assert change_of(run) is CREATE
    assert run.has_flow_run_news
    assert run.dispatch.state is DispatchState.NONE


def test_a_stage_before_its_turn_requests_nothing() -> None:
    run = a_run([a_stage("a"), a_stage("b", "prefect")])

    assert attempt_of(run, "b").flow_run is None
    end_stage(run, "a")

    assert attempt_of(run, "b").flow_run == FlowRun(NOW)
    assert change_of(run, 1) is CREATE


def test_no_more_flow_runs_are_requested_than_the_parallelism_allows() -> None:
    run = a_prefect_run(3, parallelism=2)

    assert [attempt_of(run, name).flow_run is not None for name in "abc"] == [True, True, False]

    see(run, "Completed")

    assert attempt_of(run, "c").flow_run == FlowRun(A_MINUTE_LATER)
    assert count_active_stages(run) == 2


def test_stages_on_workers_and_flow_runs_share_the_parallelism() -> None:
    stages = [a_stage("a", "prefect", needs=[]), a_stage("b", needs=[]), a_stage("c", needs=[])]
    run = a_run(stages, parallelism=2)
    run.claim(1, WORKER, NOW)

    assert [stage.name for stage in run.start_ready_stages(10, WORKER, NOW)] == ["b"]

    see(run, "Completed")
    assert [stage.name for stage in run.start_ready_stages(10, WORKER, NOW)] == ["c"]


def test_no_dispatch_is_requested_while_flow_runs_leave_no_room_for_its_stages() -> None:
    run = a_run([a_stage("a", "prefect", needs=[]), a_stage("b", needs=[])], parallelism=1)

    assert run.startable_stages == []
    assert run.dispatch.state is DispatchState.NONE

    see(run, "Completed")

    assert run.dispatch.state is DispatchState.REQUESTED


def test_a_flow_run_waits_until_a_stage_on_a_worker_has_ended() -> None:
    stages = [a_stage("a", needs=[]), a_stage("b", "approval", needs=[]), a_stage("c", "prefect", needs=["b"])]
    run = a_run(stages, parallelism=1)
    run.claim(1, WORKER, NOW)
    run.start_ready_stages(10, WORKER, NOW)

    skip_stage(run, "b", NOW, MARA, None)

    assert run.stages["c"].status is Status.QUEUED
    assert attempt_of(run, "c").flow_run is None
    end_stage(run, "a")
    assert attempt_of(run, "c").flow_run is not None


def test_a_stage_that_waits_for_a_slot_requests_its_flow_run_when_it_has_one() -> None:
    run = a_run([a_stage("a", "prefect", uses=["gpu"])])

    assert attempt_of(run).reason is Reason.LIMIT
    assert attempt_of(run).flow_run is None

    run.grant(0, A_MINUTE_LATER)

    assert attempt_of(run).flow_run == FlowRun(A_MINUTE_LATER)


def test_a_run_that_waits_for_a_slot_requests_its_flow_runs_when_it_has_one() -> None:
    run = a_run([a_stage("a", "prefect")], concurrency=[{"limit": 1}])

    assert attempt_of(run).flow_run is None
    run.grant(None, A_MINUTE_LATER)

    assert attempt_of(run).flow_run is not None


def test_the_id_of_the_created_flow_run_is_stored_once() -> None:
    run = a_prefect_run()
    note_problem(run, "a", 1, "Prefect does not respond", NOW)

    record_created(run, "a", 1, "f-1", NOW)
    seq = run.last_seq
    record_created(run, "a", 1, "f-1", NOW)

    assert attempt_of(run).flow_run == FlowRun(NOW, "f-1")
    assert run.last_seq == seq
    assert notes_of(run) == ["Prefect does not respond", "flow run created"]


def test_the_id_is_stored_also_if_the_attempt_is_over() -> None:
    run = a_prefect_run()
    cancel_stage(run, "a", NOW, MARA, None)

    record_created(run, "a", 1, "f-1", A_MINUTE_LATER)

    assert attempt_of(run).flow_run == FlowRun(NOW, "f-1")
    assert change_of(run) is CANCEL


def test_a_problem_is_noted_once_and_when_it_is_over() -> None:
    run = a_created_run()
    see(run, "Scheduled", pool="k8s")

    note_problem(run, "a", 1, "pool k8s has no worker", NOW)
    note_problem(run, "a", 1, "pool k8s has no worker", NOW)
    note_problem(run, "a", 1, None, NOW)

    assert notes_of(run) == ["flow run created", "Scheduled", "pool k8s has no worker", "Scheduled"]
    assert attempt_of(run).flow_run == FlowRun(NOW, "flow-a", FlowState.SCHEDULED, "Scheduled", "k8s")


def test_a_problem_is_not_noted_again_when_the_flow_run_moves() -> None:
    run = a_created_run()
    see(run, "Scheduled", problem="pool k8s has no worker")

    see(run, "Late", problem="pool k8s has no worker")

    assert notes_of(run) == ["flow run created", "pool k8s has no worker", "Late"]


def test_an_attempt_that_is_over_has_no_problem() -> None:
    run = a_prefect_run()
    run.cancel(NOW, "mara")
    seq = run.last_seq

    note_problem(run, "a", 1, "Prefect does not respond", NOW)

    assert run.last_seq == seq


def test_a_request_that_prefect_refuses_fails_the_attempt() -> None:
    run = a_prefect_run()

    fail_request(run, "a", 1, "There is no deployment ml/train.", A_MINUTE_LATER)

    attempt = attempt_of(run)
    assert (attempt.status, attempt.reason, attempt.error_message) == (Status.FAILED, Reason.ERROR, "There is no deployment ml/train.")
    assert change_of(run) is FORGET
    assert run.status is Status.FAILED
    assert run.new_events[-2].actor == PREFECT


def test_a_refused_request_of_an_attempt_that_is_over_is_forgotten() -> None:
    run = a_prefect_run()
    run.cancel(NOW, "mara")

    fail_request(run, "a", 1, "There is no deployment ml/train.", A_MINUTE_LATER)

    assert attempt_of(run).status is Status.CANCELLED
    assert attempt_of(run).error_message is None
    assert change_of(run) is FORGET


def test_a_refused_request_that_an_earlier_try_may_have_created_is_cancelled() -> None:
    run = a_prefect_run()

    fail_request(run, "a", 1, "There is no deployment ml/train.", A_MINUTE_LATER, may_exist=True)

    assert (attempt_of(run).status, change_of(run)) == (Status.FAILED, CANCEL)


def test_a_request_that_failed_is_repeated_as_often_as_the_stage_says() -> None:
    run = a_prefect_run(retries=1)

    fail_request(run, "a", 1, "Prefect refuses the parameters.", A_MINUTE_LATER)

    assert statuses(run) == {"a": "queued 2"}
    assert (change_of(run), change_of(run, number=2)) == (FORGET, CREATE)


# -- States -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state_name", ["Scheduled", "Late", "AwaitingConcurrencySlot", "AwaitingRetry", "Pending", "Cancelling"])
def test_a_flow_run_that_has_not_started_leaves_its_stage_queued(state_name: str) -> None:
    run = a_created_run()

    see(run, state_name, pool="k8s", problem="pool k8s has no worker")

    assert statuses(run) == {"a": "queued 1"}
    assert attempt_of(run).flow_run == FlowRun(NOW, "flow-a", STATES[state_name], state_name, "k8s", "pool k8s has no worker")
    assert notes_of(run)[-1] == "pool k8s has no worker"


def test_a_state_is_noted_only_when_it_changes() -> None:
    run = a_created_run()

    for _ in range(2):
        see(run, "Scheduled", pool="k8s")
    see(run, "Late")

    assert notes_of(run) == ["flow run created", "Scheduled", "Late"]
    assert attempt_of(run).flow_run == FlowRun(NOW, "flow-a", FlowState.SCHEDULED, "Late", "k8s"), "the pool stays known"


def test_the_timeout_counts_from_the_start_that_prefect_gives() -> None:
    run = a_created_run(timeout=100)

    see(run, "Running", at=seconds_later(60), run_seconds=20.0)

    assert statuses(run) == {"a": "running 1"}
    assert attempt_of(run).started_at == seconds_later(40)
    assert attempt_of(run).deadline_at == seconds_later(140)
    assert (run.status, run.started_at, run.new_events[-2].actor) == (Status.RUNNING, seconds_later(40), PREFECT)


def test_a_stage_does_not_start_before_it_was_queued() -> None:
    run = a_created_run()

    see(run, "Running", at=seconds_later(60), run_seconds=600.0)

    assert attempt_of(run).started_at == NOW


@pytest.mark.parametrize("state_name", ["AwaitingRetry", "Scheduled", "Pending", "Cancelling"])
def test_a_stage_that_has_started_stays_running_while_prefect_runs_it_again(state_name: str) -> None:
    run = a_running_run()

    see(run, state_name)
    see(run, "Running", run_seconds=1.0)

    assert statuses(run) == {"a": "running 1"}
    assert moves_of(run) == [Status.QUEUED, Status.RUNNING]
    assert attempt_of(run).started_at == seconds_later(10)
    assert notes_of(run)[-2:] == [state_name, "Running"]


@pytest.mark.parametrize("state_name", ["Paused", "Suspended"])
def test_a_paused_flow_run_lets_its_stage_wait(state_name: str) -> None:
    run = a_running_run(timeout=100)

    see(run, state_name)

    attempt = attempt_of(run)
    assert (attempt.status, attempt.reason, attempt.deadline_at) == (Status.WAITING, Reason.PAUSED, seconds_later(110))
    assert run.status is Status.WAITING
    assert run.next_due_at() == seconds_later(110)
    see(run, "Running")
    assert (attempt.status, attempt.reason, attempt.deadline_at) == (Status.RUNNING, None, seconds_later(110))


def test_a_flow_run_that_is_paused_before_it_was_seen_running_has_started() -> None:
    run = a_created_run(timeout=100)

    see(run, "Paused", run_seconds=5.0)

    assert moves_of(run) == [Status.QUEUED, Status.RUNNING, Status.WAITING]
    assert attempt_of(run).started_at == seconds_later(55)


def test_a_resumed_flow_run_that_waits_for_a_worker_queues_its_stage_and_keeps_its_deadline() -> None:
    run = a_running_run(timeout=100)

    see(run, "Suspended", at=seconds_later(20))
    see(run, "Scheduled", at=seconds_later(30))
    attempt = attempt_of(run)
    assert (attempt.status, attempt.queued_at, attempt.deadline_at) == (Status.QUEUED, NOW, seconds_later(110))
    see(run, "Running", at=seconds_later(40), run_seconds=1.0)

    assert (attempt.status, attempt.started_at, attempt.deadline_at) == (Status.RUNNING, seconds_later(10), seconds_later(110))


def test_a_paused_stage_keeps_its_slots() -> None:
    run = a_run([a_stage("a", "prefect", uses=["gpu"])], concurrency=[{"limit": 1}])
    run.grant(None, NOW)
    run.grant(0, NOW)
    run.slot_changes.clear()

    see(run, "Running")
    see(run, "Paused")
    see(run, "Scheduled")
    assert run.slot_changes == {}

    see(run, "Completed")
    assert sorted(run.slot_changes, key=str) == [0, None]


def test_a_completed_flow_run_completes_its_stage_with_its_output() -> None:
    run = a_running_run()

    see(run, "Completed", output={"result": 7, "artifacts": []})

    assert statuses(run) == {"a": "completed 1"}
    assert attempt_of(run).output == {"result": 7, "artifacts": []}
    assert change_of(run) is FORGET
    assert run.status is Status.COMPLETED


@pytest.mark.parametrize(
    ("state_name", "status", "reason", "message"),
    [
        ("Failed", Status.FAILED, Reason.ERROR, "The flow run failed."),
        ("TimedOut", Status.FAILED, Reason.TIMEOUT, "The flow run failed."),
        ("Crashed", Status.LOST, None, "The flow run crashed."),
    ],
)
def test_a_flow_run_that_ends_badly_ends_its_stage_so(state_name: str, status: Status, reason: Reason | None, message: str) -> None:
    with_message, without = a_running_run(), a_running_run()

    see(with_message, state_name, message="out of memory")
    see(without, state_name)

    for run in (with_message, without):
        assert (attempt_of(run).status, attempt_of(run).reason) == (status, reason)
        assert change_of(run) is FORGET
        assert attempt_of(run).fingerprint is not None
    assert (attempt_of(with_message).error_message, attempt_of(without).error_message) == ("out of memory", message)


@pytest.mark.parametrize(("state_name", "end"), [("Completed", Status.COMPLETED), ("Failed", Status.FAILED), ("Crashed", Status.LOST)])
@pytest.mark.parametrize("before", [[], ["Running", "Paused"], ["Running", "Suspended", "Scheduled"]])
def test_an_end_that_was_seen_first_ends_the_stage(before: list[str], state_name: str, end: Status) -> None:
    run = a_created_run()
    for each in before:
        see(run, each, at=seconds_later(10))

    see(run, state_name, run_seconds=5.0)

    attempt = attempt_of(run)
    assert attempt.status is end
    assert attempt.started_at == run.started_at == (seconds_later(10) if before else seconds_later(55))


@pytest.mark.parametrize("state_name", ["Failed", "Crashed"])
def test_a_flow_run_that_never_ran_leaves_no_start(state_name: str) -> None:
    run = a_created_run()

    see(run, state_name, message="The image does not exist.")

    assert attempt_of(run).started_at is None
    assert Status.RUNNING not in moves_of(run)


def test_a_flow_run_cancelled_in_prefect_cancels_its_stage() -> None:
    run = a_running_run(retries=2)

    see(run, "Cancelled")

    assert statuses(run) == {"a": "cancelled 1"}
    assert run.new_events[-2].actor == PREFECT
    assert change_of(run) is FORGET


def test_a_failed_flow_run_is_repeated_under_a_new_attempt() -> None:
    run = a_running_run(retries=1, retry_delay=30)

    see(run, "Failed")
    assert statuses(run) == {"a": "waiting 2"}
    assert attempt_of(run, number=2).flow_run is None
    run.process_due(seconds_later(90))

    assert attempt_of(run, number=2).flow_run == FlowRun(seconds_later(90))
    assert (change_of(run), change_of(run, number=2)) == (FORGET, CREATE)


@pytest.mark.parametrize("retry_on_loss", [True, False])
def test_a_crashed_flow_run_is_repeated_only_if_the_stage_says_so(retry_on_loss: bool) -> None:
    run = a_running_run(retries=1, retry_on_loss=retry_on_loss)

    see(run, "Crashed")

    assert statuses(run) == {"a": "queued 2" if retry_on_loss else "lost 1"}


def test_what_is_seen_of_an_attempt_that_is_over_leaves_it_and_its_successor() -> None:
    run = a_running_run(timeout=100, retries=1)
    run.process_due(seconds_later(200))
    assert (attempt_of(run).status, change_of(run)) == (Status.FAILED, CANCEL)

    see(run, "Cancelling")
    see(run, "Completed", output=7)

    assert (attempt_of(run).status, attempt_of(run).output) == (Status.FAILED, None)
    assert attempt_of(run).flow_run == FlowRun(NOW, "flow-a", FlowState.COMPLETED, "Completed")
    assert [event.attempt for event in run.new_events[-2:]] == [1, 1]
    assert (change_of(run), change_of(run, number=2)) == (FORGET, CREATE)
    assert run.stages["a"].status is Status.QUEUED


def test_an_attempt_without_a_flow_run_is_not_changed_by_what_is_seen() -> None:
    run = a_prefect_run(2, parallelism=1)
    seq = run.last_seq

    observe_flow_run(run, "b", 1, FlowRunObservation(FlowState.RUNNING, "Running"), NOW)
    record_created(run, "b", 1, "f-1", NOW)
    note_problem(run, "b", 1, "Prefect does not respond", NOW)

    assert run.last_seq == seq
    assert statuses(run) == {"a": "queued 1", "b": "queued 1"}


# -- Deadlines --------------------------------------------------------------------------------------------------------------


def test_a_flow_run_past_its_timeout_fails_the_stage_and_is_cancelled() -> None:
    run = a_running_run(timeout=100)

    run.process_due(seconds_later(109))
    assert run.stages["a"].status is Status.RUNNING
    run.process_due(seconds_later(110))

    attempt = attempt_of(run)
    assert (attempt.status, attempt.reason) == (Status.FAILED, Reason.TIMEOUT)
    assert attempt.error_message == "Its flow run exceeded its timeout."
    assert change_of(run) is CANCEL


def test_a_paused_flow_run_past_its_timeout_fails_the_stage() -> None:
    run = a_running_run(timeout=100)
    see(run, "Paused")

    run.process_due(seconds_later(110))

    assert (attempt_of(run).status, attempt_of(run).reason, change_of(run)) == (Status.FAILED, Reason.TIMEOUT, CANCEL)


def test_a_flow_run_that_does_not_start_fails_the_stage_after_a_day() -> None:
    run = a_created_run()
    see(run, "Late")

    run.process_due(NOW + timedelta(days=1))

    assert attempt_of(run).error_message == "Prefect did not start its flow run before the deadline."
    assert (attempt_of(run).status, change_of(run)) == (Status.FAILED, CANCEL)


@pytest.mark.parametrize("on_cancel", ["cancel", "leave"])
def test_a_timeout_cancels_the_flow_run_also_if_a_cancellation_leaves_it(on_cancel: str) -> None:
    run = a_running_run(timeout=100, on_cancel=on_cancel)

    run.process_due(seconds_later(110))

    assert change_of(run) is CANCEL


# -- Cancellation -----------------------------------------------------------------------------------------------------------


def test_a_stage_without_a_created_flow_run_is_cancelled_at_once() -> None:
    run = a_prefect_run()

    assert cancel_stage(run, "a", A_MINUTE_LATER, MARA, "wrong day")

    assert statuses(run) == {"a": "cancelled 1"}
    assert attempt_of(run).message == "wrong day"
    assert change_of(run) is CANCEL, "it may be created meanwhile"


@pytest.mark.parametrize("state_name", ["Scheduled", "Running", "Paused"])
def test_a_cancelled_stage_keeps_its_status_until_prefect_has_cancelled_its_flow_run(state_name: str) -> None:
    run = a_created_run()
    see(run, state_name)
    before = run.stages["a"].status

    assert cancel_stage(run, "a", A_MINUTE_LATER, MARA, None)
    assert not cancel_stage(run, "a", A_MINUTE_LATER, MARA, None)

    attempt = attempt_of(run)
    assert (attempt.status, attempt.stop_requested_at) == (before, A_MINUTE_LATER)
    assert attempt.deadline_at == A_MINUTE_LATER + timedelta(seconds=CANCEL_SECONDS)
    assert change_of(run) is CANCEL
    assert run.has_flow_run_news
    see(run, "Cancelling")
    see(run, "Cancelled")
    assert (attempt.status, change_of(run)) == (Status.CANCELLED, FORGET)


@pytest.mark.parametrize("state_name", ["Running", "Paused", "Scheduled", "Pending", "Cancelling"])
def test_a_stage_that_is_being_cancelled_follows_no_other_move(state_name: str) -> None:
    run = a_created_run()
    cancel_stage(run, "a", NOW, MARA, None)
    deadline = attempt_of(run).deadline_at

    see(run, state_name, at=seconds_later(1))

    assert statuses(run) == {"a": "queued 1"}
    assert attempt_of(run).deadline_at == deadline


@pytest.mark.parametrize(
    ("state_name", "end"),
    [("Completed", Status.COMPLETED), ("Failed", Status.CANCELLED), ("Crashed", Status.CANCELLED), ("Cancelled", Status.CANCELLED)],
)
@pytest.mark.parametrize("is_running", [True, False])
def test_a_stage_that_is_being_cancelled_ends_with_its_flow_run(is_running: bool, state_name: str, end: Status) -> None:
    run = a_running_run() if is_running else a_created_run()
    cancel_stage(run, "a", seconds_later(20), MARA, None)

    see(run, state_name, run_seconds=1.0)

    assert (attempt_of(run).status, change_of(run)) == (end, FORGET)


def test_a_stage_is_cancelled_after_a_minute_if_prefect_does_not_cancel_its_flow_run() -> None:
    run = a_running_run(retries=1)
    cancel_stage(run, "a", seconds_later(20), MARA, None)

    assert run.next_due_at() == seconds_later(80)
    run.process_due(seconds_later(80))

    attempt = attempt_of(run)
    assert (attempt.status, attempt.reason, attempt.error_message) == (Status.CANCELLED, None, None)
    assert change_of(run) is CANCEL, "its state is forced"
    assert len(run.stages["a"].attempts) == 1


def test_a_cancellation_does_not_postpone_the_timeout() -> None:
    run = a_running_run(timeout=30)

    cancel_stage(run, "a", seconds_later(20), MARA, None)

    assert attempt_of(run).deadline_at == seconds_later(40)


def test_a_stage_that_leaves_its_flow_run_is_cancelled_at_once() -> None:
    run = a_running_run(on_cancel="leave")

    cancel_stage(run, "a", A_MINUTE_LATER, MARA, None)

    assert statuses(run) == {"a": "cancelled 1"}
    assert change_of(run) is FORGET


def test_a_flow_run_that_may_be_created_now_is_cancelled_although_its_stage_leaves_flow_runs() -> None:
    run = a_prefect_run(on_cancel="leave")

    cancel_stage(run, "a", A_MINUTE_LATER, MARA, None)

    assert statuses(run) == {"a": "cancelled 1"}
    assert change_of(run) is CANCEL


def test_a_flow_run_created_after_the_cancellation_stays_cancelled_whatever_state_is_seen_before_its_end() -> None:
    run = a_prefect_run(on_cancel="leave")
    run.cancel(NOW, "mara")
    record_created(run, "a", 1, "f-1", A_MINUTE_LATER)

    see(run, "AwaitingRetry")
    assert change_of(run) is CANCEL

    see(run, "Cancelled")
    assert change_of(run) is FORGET


def test_a_cancelled_run_waits_for_its_flow_runs() -> None:
    run = a_run([a_stage("a", "prefect", needs=[]), a_stage("b", "prefect", needs=[]), a_stage("c", "prefect", needs=["a"])])
    record_created(run, "a", 1, "f-1", NOW)

    run.cancel(A_MINUTE_LATER, "mara")

    assert statuses(run) == {"a": "queued 1", "b": "cancelled 1", "c": "cancelled 1"}
    assert (change_of(run), change_of(run, 1), change_of(run, 2)) == (CANCEL, CANCEL, None)
    assert not run.is_over
    see(run, "Cancelled")
    assert run.status is Status.CANCELLED


def test_nothing_is_requested_while_the_run_is_stopped() -> None:
    run = a_prefect_run(2, parallelism=1)
    record_created(run, "a", 1, "f-1", NOW)

    run.cancel(NOW, "mara")
    see(run, "Cancelled")

    assert statuses(run) == {"a": "cancelled 1", "b": "cancelled 1"}
    assert attempt_of(run, "b").flow_run is None


@pytest.mark.parametrize("on_cancel", ["cancel", "leave"])
def test_a_skipped_stage_that_is_paused_treats_its_flow_run_as_a_cancelled_one(on_cancel: str) -> None:
    run = a_running_run(on_cancel=on_cancel)
    see(run, "Paused")

    skip_stage(run, "a", A_MINUTE_LATER, MARA, None)

    assert statuses(run) == {"a": "skipped 1"}
    assert change_of(run) is (FORGET if on_cancel == "leave" else CANCEL)


def test_a_queued_stage_cannot_be_skipped() -> None:
    with pytest.raises(Conflict) as error:
        skip_stage(a_created_run(), "a", NOW, MARA, None)

    assert error.value.kind == "not_skippable"


def test_a_flow_run_that_is_gone_loses_its_attempt() -> None:
    run = a_running_run()

    lose_flow_run(run, "a", 1, A_MINUTE_LATER)

    assert (attempt_of(run).status, attempt_of(run).error_message) == (Status.LOST, "Prefect no longer has its flow run.")
    assert change_of(run) is FORGET
    assert run.status is Status.LOST


def test_a_flow_run_that_is_gone_before_it_was_cancelled_is_cancelled() -> None:
    run = a_running_run()
    cancel_stage(run, "a", A_MINUTE_LATER, MARA, None)

    lose_flow_run(run, "a", 1, A_MINUTE_LATER)

    assert (attempt_of(run).status, change_of(run)) == (Status.CANCELLED, FORGET)


def test_a_flow_run_of_an_attempt_that_is_over_is_forgotten_when_it_is_gone() -> None:
    run = a_running_run(timeout=20)
    run.process_due(A_MINUTE_LATER)

    lose_flow_run(run, "a", 1, A_MINUTE_LATER)

    assert (attempt_of(run).status, change_of(run)) == (Status.FAILED, FORGET)


# -- Retries ----------------------------------------------------------------------------------------------------------------


def test_a_retry_by_a_person_requests_another_flow_run() -> None:
    run = a_running_run()
    see(run, "Failed")

    retry_failed(run, A_MINUTE_LATER, MARA)

    assert statuses(run) == {"a": "queued 2"}
    assert attempt_of(run, number=2).flow_run == FlowRun(A_MINUTE_LATER)
    assert attempt_of(run).flow_run == FlowRun(NOW, "flow-a", FlowState.FAILED, "Failed")
    assert change_of(run, number=2) is CREATE


def test_a_paused_stage_keeps_the_limits_that_it_holds() -> None:
    stages = [a_stage("a", "prefect", needs=[], uses=["gpu"]), a_stage("b", needs=[])]
    run = a_run(stages)
    run.grant(0, NOW)
    see(run, "Paused")
    without_limits = a_definition(stages=[a_stage("a", "prefect", needs=[]), a_stage("b", needs=[])])

    with pytest.raises(Conflict) as error:
        change_revision(run, without_limits, 2)

    assert error.value.kind == "limits_changed"


def test_a_revision_with_another_deployment_waits_for_the_end_of_the_flow_run() -> None:
    run = a_prefect_run()
    other = a_definition(stages=[a_stage("a", "prefect", needs=[], deployment="ml/score")])

    with pytest.raises(Conflict) as error:
        change_revision(run, other, 2)
    assert error.value.kind == "flow_run_changed"

    see(run, "Failed")
    change_revision(run, other, 2)
    retry_failed(run, A_MINUTE_LATER, MARA)

    assert run.stages["a"].definition.deployment == "ml/score"
    assert attempt_of(run, number=2).flow_run is not None
