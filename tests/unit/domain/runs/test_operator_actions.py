"""What a person may do to a run, and what follows."""

import pytest

from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.errors import Conflict, NotAllowed, NotFound
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter, ReportOutcome
from domain.runs.approvals import Decision, decide_approval
from domain.runs.dispatch import DispatchState
from domain.runs.events import EventType
from domain.runs.retry import change_revision, retry_failed, retry_stages
from domain.runs.run import Run
from domain.runs.stage_actions import cancel_stage, skip_stage
from domain.runs.status import Reason, Status
from tests.support.builders import NOW, WORKER, a_definition, a_run, a_stage, a_started_run, seconds_later

MARA = Actor("mara", ("operator",))
LATER = seconds_later(60)


def end(run: Run, stage: str, status: Status = Status.COMPLETED, **keys: object) -> None:
    """The holder reports; a requested dispatch is claimed first."""
    if run.dispatch.state is DispatchState.REQUESTED:
        run.claim(run.dispatch.epoch, WORKER, NOW)
    run.start_ready_stages(100, WORKER, NOW)
    report = Report(status, stage, run.stages[stage].current.number, **keys)  # type: ignore[arg-type]
    assert judge_report(run, report, Reporter(WORKER, WORKER, run.dispatch.epoch), None, NOW).applied
    run.end_dispatch(NOW)


def a_failed_run(**keys: object) -> Run:
    """a completed, b failed, c skipped because of it."""
    run = a_started_run(3, **keys)  # type: ignore[arg-type]
    end(run, "a", output={"rows": 3})
    end(run, "b", Status.FAILED, error_message="no room")
    assert run.status is Status.FAILED
    return run


def statuses(run: Run) -> dict[str, str]:
    return {name: f"{stage.status} {stage.current.number}" for name, stage in run.stages.items()}


def test_a_retry_keeps_what_completed_and_takes_up_the_rest() -> None:
    run = a_failed_run()
    before = [(attempt.status, attempt.finished_at) for attempt in run.stages["b"].attempts]

    names = retry_failed(run, LATER, MARA)

    assert names == ["b"]
    assert statuses(run) == {"a": "completed 1", "b": "queued 2", "c": "pending 2"}
    assert [(attempt.status, attempt.finished_at) for attempt in run.stages["b"].attempts][:1] == before
    assert run.stages["a"].current.output == {"rows": 3}
    assert (run.status, run.finished_at) == (Status.RUNNING, None)
    assert (run.dispatch.state, run.dispatch.epoch) == (DispatchState.REQUESTED, 2)


def test_the_events_of_a_retry_say_who() -> None:
    run = a_failed_run()
    run.new_events.clear()

    retry_failed(run, LATER, MARA)

    told = [(event.type, event.stage, event.actor) for event in run.new_events]
    assert told[:3] == [
        (EventType.RUN_REOPENED, None, "mara"),
        (EventType.STAGE_RETRIED, "b", "mara"),
        (EventType.STAGE_RETRIED, "c", "mara"),
    ]
    assert run.new_events[0].data == {"act": "retry", "stages": ["b"]}


def test_a_reopened_run_ends_anew() -> None:
    run = a_failed_run()

    retry_failed(run, LATER, MARA)
    end(run, "b")
    end(run, "c")

    assert run.status is Status.COMPLETED
    assert run.finished_at is not None


def test_a_cancelled_run_is_taken_up_where_it_stopped() -> None:
    run = a_started_run(3)
    end(run, "a")
    run.cancel(NOW, "mara")
    for stage in run.running:
        judge_report(run, Report(Status.CANCELLED, stage.name, 1), Reporter(WORKER, WORKER, run.dispatch.epoch), None, NOW)
    run.end_dispatch(NOW)
    assert run.status is Status.CANCELLED

    retry_failed(run, LATER, MARA)

    assert (run.verdict, run.stop_requested_at) == (None, None)
    assert statuses(run) == {"a": "completed 1", "b": "queued 2", "c": "pending 2"}


def test_a_run_that_is_being_stopped_takes_no_retry() -> None:
    run = a_started_run(2)
    run.cancel(NOW, "mara")

    with pytest.raises(Conflict) as refusal:
        retry_failed(run, LATER, MARA)

    assert refusal.value.kind == "run_ending"


def test_nothing_failed_is_nothing_to_retry() -> None:
    run = a_started_run(1)
    end(run, "a")

    with pytest.raises(Conflict) as refusal:
        retry_failed(run, LATER, MARA)

    assert refusal.value.kind == "nothing_failed"
    assert run.status is Status.COMPLETED


@pytest.mark.parametrize(("stage", "kind"), [("a", "not_retryable"), ("c", "needs_not_done")])
def test_a_retry_that_makes_no_sense_is_refused_and_changes_nothing(stage: str, kind: str) -> None:
    run = a_failed_run()
    seq, before = run.last_seq, statuses(run)

    with pytest.raises(Conflict) as refusal:
        retry_stages(run, [stage], LATER, MARA)

    assert refusal.value.kind == kind
    assert (run.last_seq, statuses(run)) == (seq, before)


def test_an_unknown_stage_is_not_found() -> None:
    with pytest.raises(NotFound):
        retry_stages(a_failed_run(), ["ghost"], LATER, MARA)


def test_a_persons_retry_begins_the_stages_own_retries_again() -> None:
    run = a_started_run([a_stage("a", retries=1)])
    end(run, "a", Status.FAILED)
    end(run, "a", Status.FAILED)
    assert run.status is Status.FAILED

    retry_failed(run, LATER, MARA)
    end(run, "a", Status.FAILED)
    retried = statuses(run)
    end(run, "a", Status.FAILED)

    assert retried == {"a": "queued 4"}
    assert statuses(run) == {"a": "failed 4"}
    assert run.status is Status.FAILED


def test_a_stage_is_retried_while_others_still_run() -> None:
    run = a_started_run([a_stage("a", needs=[]), a_stage("b", needs=[])])
    end(run, "a", Status.FAILED)

    retry_stages(run, ["a"], LATER, MARA)

    assert statuses(run) == {"a": "queued 2", "b": "running 1"}
    assert EventType.RUN_REOPENED not in {event.type for event in run.new_events}


def test_an_external_stage_that_is_retried_waits_for_reports_again() -> None:
    run = a_run([a_stage("x", "external")])
    judge_report(run, Report(Status.FAILED, "x"), Reporter("machine"), None, NOW)

    retry_failed(run, LATER, MARA)

    assert (run.stages["x"].status, run.stages["x"].current.reason) == (Status.WAITING, Reason.EXTERNAL)
    assert run.stages["x"].current.deadline_at is not None
    assert run.dispatch.state is DispatchState.NONE


def test_a_skipped_failure_counts_as_done() -> None:
    run = a_failed_run()

    assert skip_stage(run, "b", LATER, MARA, "done by hand")

    assert statuses(run) == {"a": "completed 1", "b": "skipped 2", "c": "queued 2"}
    assert run.stages["b"].current.message == "done by hand"
    end(run, "c")
    assert run.status is Status.COMPLETED


def test_skipping_the_last_failure_completes_the_run() -> None:
    run = a_started_run(1)
    end(run, "a", Status.FAILED)

    skip_stage(run, "a", LATER, MARA, None)

    assert (run.status, run.finished_at) == (Status.COMPLETED, LATER)
    assert not skip_stage(run, "a", LATER, MARA, None)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.RUNNING])
def test_what_completed_or_runs_is_not_skipped(status: Status) -> None:
    run = a_started_run(2)
    if status is Status.COMPLETED:
        end(run, "a")

    with pytest.raises(Conflict) as refusal:
        skip_stage(run, "a", LATER, MARA, None)

    assert refusal.value.kind == "not_skippable"


def test_a_running_stage_is_ended_by_its_worker_and_the_run_goes_on() -> None:
    run = a_started_run([a_stage("a", needs=[]), a_stage("b", needs=[])])

    assert cancel_stage(run, "a", LATER, MARA, "wrong file")
    assert not cancel_stage(run, "a", LATER, MARA, "wrong file")

    assert run.attempts_to_stop == [("a", 1)]
    assert run.stages["a"].status is Status.RUNNING
    end(run, "a", Status.CANCELLED)
    assert run.attempts_to_stop == []
    assert (run.status, run.stop_requested_at) == (Status.RUNNING, None)


def test_a_stage_that_does_not_run_is_cancelled_at_once() -> None:
    run = a_started_run(3)

    cancel_stage(run, "b", LATER, MARA, None)

    assert statuses(run) == {"a": "running 1", "b": "cancelled 1", "c": "skipped 1"}
    end(run, "a")
    assert run.status is Status.CANCELLED


GATE = [a_stage("make"), a_stage("ask", "approval", approvers=["mara", "admin"], fields={"type": "object"}), a_stage("publish")]


def a_waiting_run() -> Run:
    run = a_started_run(GATE)
    end(run, "make")
    return run


def test_an_approval_waits_for_its_needs_and_then_for_a_person_and_holds_no_worker() -> None:
    run = a_started_run(GATE)
    early = run.stages["ask"].status
    end(run, "make")
    asked = run.stages["ask"]

    assert early is Status.PENDING
    assert (asked.status, asked.current.reason, run.status) == (Status.WAITING, Reason.APPROVAL, Status.WAITING)
    assert asked.current.deadline_at == seconds_later(604_800)
    assert run.dispatch.state is DispatchState.NONE


def test_an_approval_lets_the_rest_go_on_with_what_it_said() -> None:
    run = a_waiting_run()

    assert decide_approval(run, "ask", Decision(True, "fine", {"ticket": "OPS-7"}), LATER, MARA)

    assert statuses(run) == {"make": "completed 1", "ask": "completed 1", "publish": "queued 1"}
    assert run.collect_approval_values(run.stages["publish"]) == {"ticket": "OPS-7"}
    assert run.collect_approval_values(run.stages["make"]) == {}
    assert run.dispatch.state is DispatchState.REQUESTED


def test_a_rejection_fails_the_stage_and_says_who() -> None:
    run = a_waiting_run()

    decide_approval(run, "ask", Decision(False, "June is missing"), LATER, MARA)

    assert (run.status, run.stages["ask"].current.reason) == (Status.FAILED, Reason.REJECTED)
    assert run.stages["ask"].current.error_message == "Rejected by mara: June is missing"
    assert run.stages["publish"].status is Status.SKIPPED


def test_a_rejected_approval_can_be_asked_again() -> None:
    run = a_waiting_run()
    decide_approval(run, "ask", Decision(False), LATER, MARA)

    retry_failed(run, LATER, MARA)

    assert statuses(run) == {"make": "completed 1", "ask": "waiting 2", "publish": "pending 2"}
    assert run.status is Status.WAITING


@pytest.mark.parametrize(
    ("person", "may"), [(ANONYMOUS_ACTOR, True), (MARA, True), (Actor("x", ("admin",)), True), (Actor("x", ("viewer",)), False)]
)
def test_only_its_approvers_decide(person: Actor, may: bool) -> None:
    run = a_waiting_run()

    if may:
        assert decide_approval(run, "ask", Decision(True), LATER, person)
    else:
        with pytest.raises(NotAllowed):
            decide_approval(run, "ask", Decision(True), LATER, person)


def test_the_same_decision_again_changes_nothing_and_another_is_too_late() -> None:
    run = a_waiting_run()
    decide_approval(run, "ask", Decision(True), LATER, MARA)
    seq = run.last_seq

    again = decide_approval(run, "ask", Decision(True), LATER, MARA)
    with pytest.raises(Conflict) as refusal:
        decide_approval(run, "ask", Decision(False), LATER, MARA)

    assert (again, run.last_seq, refusal.value.kind) == (False, seq, "late_decision")


@pytest.mark.parametrize(("stage", "kind"), [("ask", "not_waiting"), ("make", "not_an_approval")])
def test_a_decision_before_its_turn_or_about_another_kind_is_refused(stage: str, kind: str) -> None:
    with pytest.raises(Conflict) as refusal:
        decide_approval(a_started_run(GATE), stage, Decision(True), LATER, MARA)

    assert refusal.value.kind == kind


def test_no_report_decides_an_approval() -> None:
    run = a_waiting_run()

    ruling = judge_report(run, Report(Status.COMPLETED, "ask"), Reporter("machine"), None, LATER)

    assert (ruling.outcome, ruling.problem) == (ReportOutcome.REFUSED, "needs_decision")


def test_an_approval_nobody_gives_fails_at_its_deadline() -> None:
    run = a_waiting_run()

    run.process_due(seconds_later(604_801))

    assert (run.status, run.stages["ask"].current.error_message) == (Status.FAILED, "Nobody decided before the deadline.")


def test_a_cancelled_run_asks_nobody_any_more() -> None:
    run = a_waiting_run()

    run.cancel(LATER, "mara")

    assert (run.status, run.stages["ask"].status) == (Status.CANCELLED, Status.CANCELLED)


def test_a_retry_may_go_on_under_a_revision_with_the_same_graph() -> None:
    run = a_failed_run()
    newer = a_definition(stages=[a_stage(name, command=["new"], retries=2) for name in "abc"])

    change_revision(run, newer, 2)
    retry_failed(run, LATER, MARA)

    assert (run.revision, run.stages["b"].definition.command) == (2, ("new",))


@pytest.mark.parametrize(
    "stages", [2, 4, [a_stage("a"), a_stage("c"), a_stage("b")], [a_stage("a"), a_stage("b"), a_stage("c", needs=["a"])]]
)
def test_a_revision_with_another_graph_does_not_fit(stages: object) -> None:
    run = a_failed_run()

    with pytest.raises(Conflict) as refusal:
        change_revision(run, a_definition(stages=stages), 2)  # type: ignore[arg-type]

    assert (refusal.value.kind, run.revision) == ("graph_changed", 1)


def test_an_approval_nobody_gives_is_told_again_once() -> None:
    run = a_waiting_run()
    run.new_events.clear()

    assert run.next_due_at() == seconds_later(86_400)
    run.process_due(seconds_later(86_400))
    run.process_due(seconds_later(90_000))

    assert [(event.type, event.stage) for event in run.new_events] == [(EventType.STAGE_REMINDED, "ask")]
    assert run.status is Status.WAITING
    assert run.next_due_at() == seconds_later(604_800)
