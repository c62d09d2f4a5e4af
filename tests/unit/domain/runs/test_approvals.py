"""Approve and reject stages."""

import pytest

from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.errors import Conflict, NotAllowed
from domain.reports.judging import judge_report
from domain.reports.report import Report, Reporter, ReportOutcome
from domain.runs.approvals import Decision, decide_approval
from domain.runs.dispatch import DispatchState
from domain.runs.events import EventType
from domain.runs.retry import retry_failed
from domain.runs.run import Run
from domain.runs.status import Reason, Status
from tests.support.builders import a_stage, a_started_run, seconds_later
from tests.unit.domain.runs.run_helpers import LATER, MARA, end_stage, statuses

APPROVAL_STAGES = [a_stage("make"), a_stage("ask", "approval", approvers=["mara", "admin"], fields={"type": "object"}), a_stage("publish")]


def a_waiting_run() -> Run:
    run = a_started_run(APPROVAL_STAGES)
    end_stage(run, "make")
    return run


def test_an_approval_waits_for_its_needs_then_for_a_person_and_needs_no_worker() -> None:
    run = a_started_run(APPROVAL_STAGES)
    early = run.stages["ask"].status
    end_stage(run, "make")
    asked = run.stages["ask"]

    assert early is Status.PENDING
    assert (asked.status, asked.current.reason, run.status) == (Status.WAITING, Reason.APPROVAL, Status.WAITING)
    assert asked.current.deadline_at == seconds_later(604_800)
    assert run.dispatch.state is DispatchState.NONE


def test_an_approval_passes_its_values_to_the_later_stages() -> None:
    run = a_waiting_run()

    assert decide_approval(run, "ask", Decision(True, "fine", {"ticket": "OPS-7"}), LATER, MARA)

    assert statuses(run) == {"make": "completed 1", "ask": "completed 1", "publish": "queued 1"}
    assert run.collect_approval_values(run.stages["publish"]) == {"ticket": "OPS-7"}
    assert run.collect_approval_values(run.stages["make"]) == {}
    assert run.dispatch.state is DispatchState.REQUESTED


def test_a_rejection_fails_the_stage_and_names_the_person() -> None:
    run = a_waiting_run()

    decide_approval(run, "ask", Decision(False, "June is missing"), LATER, MARA)

    assert (run.status, run.stages["ask"].current.reason) == (Status.FAILED, Reason.REJECTED)
    assert run.stages["ask"].current.error_message == "Rejected by mara: June is missing"
    assert run.stages["publish"].status is Status.SKIPPED


def test_a_rejected_approval_can_be_retried() -> None:
    run = a_waiting_run()
    decide_approval(run, "ask", Decision(False), LATER, MARA)

    retry_failed(run, LATER, MARA)

    assert statuses(run) == {"make": "completed 1", "ask": "waiting 2", "publish": "pending 2"}
    assert run.status is Status.WAITING


@pytest.mark.parametrize(
    ("actor", "is_allowed"), [(ANONYMOUS_ACTOR, True), (MARA, True), (Actor("x", ("admin",)), True), (Actor("x", ("viewer",)), False)]
)
def test_only_approvers_can_decide(actor: Actor, is_allowed: bool) -> None:
    run = a_waiting_run()

    if is_allowed:
        assert decide_approval(run, "ask", Decision(True), LATER, actor)
    else:
        with pytest.raises(NotAllowed):
            decide_approval(run, "ask", Decision(True), LATER, actor)


def test_repeating_a_decision_changes_nothing_and_reversing_it_is_refused() -> None:
    run = a_waiting_run()
    decide_approval(run, "ask", Decision(True), LATER, MARA)
    seq = run.last_seq

    again = decide_approval(run, "ask", Decision(True), LATER, MARA)
    with pytest.raises(Conflict) as error:
        decide_approval(run, "ask", Decision(False), LATER, MARA)

    assert (again, run.last_seq, error.value.kind) == (False, seq, "late_decision")


@pytest.mark.parametrize(("stage", "kind"), [("ask", "not_waiting"), ("make", "not_an_approval")])
def test_a_decision_on_a_stage_that_does_not_wait_for_one_is_refused(stage: str, kind: str) -> None:
    with pytest.raises(Conflict) as error:
        decide_approval(a_started_run(APPROVAL_STAGES), stage, Decision(True), LATER, MARA)

    assert error.value.kind == kind


def test_a_report_cannot_decide_an_approval() -> None:
    run = a_waiting_run()

    decision = judge_report(run, Report(Status.COMPLETED, "ask"), Reporter("machine"), None, LATER)

    assert (decision.outcome, decision.problem) == (ReportOutcome.REFUSED, "needs_decision")


def test_an_approval_without_a_decision_fails_at_its_deadline() -> None:
    run = a_waiting_run()

    run.process_due(seconds_later(604_801))

    assert (run.status, run.stages["ask"].current.error_message) == (Status.FAILED, "No decision before the deadline.")


def test_cancelling_a_run_cancels_a_waiting_approval() -> None:
    run = a_waiting_run()

    run.cancel(LATER, "mara")

    assert (run.status, run.stages["ask"].status) == (Status.CANCELLED, Status.CANCELLED)


def test_people_are_reminded_of_an_approval_once() -> None:
    run = a_waiting_run()
    run.new_events.clear()

    assert run.next_due_at() == seconds_later(86_400)
    run.process_due(seconds_later(86_400))
    run.process_due(seconds_later(90_000))

    assert [(event.type, event.stage) for event in run.new_events] == [(EventType.STAGE_REMINDED, "ask")]
    assert run.status is Status.WAITING
    assert run.next_due_at() == seconds_later(604_800)
