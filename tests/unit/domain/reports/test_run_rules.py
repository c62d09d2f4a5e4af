"""The rules for reports about a run as a whole."""

import pytest

from domain.reports.report import ReportOutcome
from domain.runs.events import EventType
from domain.runs.status import Status
from tests.support.builders import a_stage, a_started_run
from tests.unit.domain.reports.report_helpers import HOLDER, an_external_run, get_newest_event, send


def test_running_about_an_open_run_is_applied_only_with_a_message() -> None:
    run = an_external_run()

    assert send(run, Status.RUNNING, None).applied is False
    decision = send(run, Status.RUNNING, None, message="begun")

    assert (decision.outcome, decision.seq) == (ReportOutcome.APPLIED, run.last_seq)


@pytest.mark.parametrize("verdict", [Status.FAILED, Status.CANCELLED])
def test_failed_or_cancelled_ends_the_run(verdict: Status) -> None:
    run = an_external_run()

    decision = send(run, verdict, None, error_message="the site is down")

    assert (decision.outcome, decision.status) == (ReportOutcome.APPLIED, verdict)
    assert run.status is verdict
    assert {stage.status for stage in run.stages.values()} == {Status.CANCELLED}


def test_a_verdict_becomes_the_status_once_the_running_stage_is_over() -> None:
    run = a_started_run(2)

    send(run, Status.FAILED, None)
    assert (run.status, run.stages["b"].status) == (Status.RUNNING, Status.CANCELLED)
    assert send(run, Status.COMPLETED, None).applied is False
    send(run, Status.COMPLETED, by=HOLDER)

    assert (run.status, run.stages["a"].status) == (Status.FAILED, Status.COMPLETED)


def test_completed_ends_a_run_with_only_external_stages_left() -> None:
    run = a_started_run(["a", a_stage("b", "external")])
    early = send(run, Status.COMPLETED, None)
    send(run, Status.COMPLETED, by=HOLDER)

    decision = send(run, Status.COMPLETED, None)

    assert (early.outcome, early.problem, early.facts) == (ReportOutcome.REFUSED, "not_over", {"not_over": ["a"]})
    assert (decision.outcome, run.status) == (ReportOutcome.APPLIED, Status.COMPLETED)
    assert run.stages["b"].status is Status.SKIPPED


def test_a_run_cannot_be_skipped() -> None:
    run = an_external_run()

    decision = send(run, Status.SKIPPED, None)

    assert (decision.outcome, decision.problem) == (ReportOutcome.REFUSED, "impossible_move")
    assert (run.status, run.verdict) == (Status.WAITING, None)


def test_a_finished_run_refuses_a_different_end() -> None:
    run = an_external_run()
    send(run, Status.FAILED, None)

    same = send(run, Status.FAILED, None)
    running = send(run, Status.RUNNING, None)
    other = send(run, Status.COMPLETED, None)

    assert [decision.outcome for decision in (same, running, other)] == ["ignored", "ignored", "refused"]
    assert get_newest_event(run) == (EventType.REPORT_LATE, None, Status.COMPLETED)
    assert run.status is Status.FAILED


def test_an_older_seq_about_the_run_is_ignored() -> None:
    run = an_external_run()

    assert send(run, Status.FAILED, None, last_seq=5, seq=5).applied is False
    assert not run.is_over
