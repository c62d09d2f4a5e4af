"""Every row of "How a report is judged", in its order. (Event ids need the store: see the use case's tests.)"""

from typing import Any

import pytest

from domain.reports.judging import judge_report
from domain.reports.report import Report, ReportDecision, Reporter, ReportOutcome
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.status import REPORTABLE_STATUSES, Reason, Status
from tests.support.builders import NOW, WORKER, a_run, a_stage, a_started_run, an_hour_later

HOLDER = Reporter(WORKER, WORKER, 1)
CI = Reporter("ci")


def an_external_run(**keys: Any) -> Run:
    return a_run([a_stage("a", "external", **keys), a_stage("b", "external")])


def tell(
    run: Run, status: Status, stage: str | None = "a", by: Reporter = CI, last_seq: int | None = None, **details: Any
) -> ReportDecision:
    return judge_report(run, Report(status, stage, **details), by, last_seq, an_hour_later())


def newest(run: Run) -> tuple[EventType, str | None, Status | None]:
    event = run.new_events[-1]
    return event.type, event.stage, event.status


@pytest.mark.parametrize(
    "stranger",
    [
        Reporter(),
        CI,
        Reporter("other", "other", 1),
        Reporter(WORKER, WORKER, 2),
        Reporter("attempt", attempt=("b", 1)),
        Reporter("attempt", attempt=("a", 2)),
    ],
)
@pytest.mark.parametrize("status", sorted(REPORTABLE_STATUSES))
def test_only_the_holder_of_the_dispatch_says_how_a_worker_run_stage_stands(stranger: Reporter, status: Status) -> None:
    run = a_started_run()

    ruling = tell(run, status, by=stranger)

    assert (ruling.outcome, ruling.problem) == (ReportOutcome.REFUSED, "not_yours")
    assert run.stages["a"].status is Status.RUNNING


def test_a_former_holders_report_is_recorded() -> None:
    run = a_started_run()
    run.lose_dispatch(1, NOW)

    ruling = tell(run, Status.COMPLETED, by=HOLDER, records_processed=5)

    assert ruling.problem == "not_yours"
    assert newest(run) == (EventType.REPORT_REFUSED, "a", Status.COMPLETED)
    assert ruling.seq == run.last_seq


def test_an_attempts_token_may_add_progress_and_outputs_to_what_runs() -> None:
    run = a_started_run()
    by = Reporter("attempt", attempt=("a", 1))

    ruling = tell(run, Status.RUNNING, by=by, records_processed=5, output={"k": 1})

    assert (ruling.outcome, ruling.seq) == (ReportOutcome.APPLIED, run.last_seq)
    assert (run.stages["a"].current.records_processed, run.stages["a"].current.output) == (5, {"k": 1})
    assert tell(run, Status.COMPLETED, by=by).problem == "not_yours"


@pytest.mark.parametrize(("attempt", "problem"), [(1, "stale_attempt"), (3, "unknown_attempt"), (0, "unknown_attempt")])
def test_a_report_about_another_attempt_is_refused_and_recorded(attempt: int, problem: str) -> None:
    run = a_started_run([a_stage("a", retries=1)])
    tell(run, Status.FAILED, by=HOLDER)
    run.start_ready_stages(1, WORKER, NOW)

    ruling = tell(run, Status.COMPLETED, by=HOLDER, attempt=attempt)

    assert (ruling.outcome, ruling.problem) == (ReportOutcome.REFUSED, problem)
    assert newest(run) == (EventType.REPORT_REFUSED, "a", Status.COMPLETED)
    assert run.stages["a"].status is Status.RUNNING


@pytest.mark.parametrize("seq", [1, 5])
def test_an_older_seq_of_the_same_reporter_is_passed_over(seq: int) -> None:
    run = an_external_run()

    ruling = tell(run, Status.RUNNING, last_seq=5, seq=seq)

    assert (ruling.outcome, ruling.status) == (ReportOutcome.IGNORED, Status.WAITING)
    assert ruling.why


def test_without_a_name_a_seq_is_ignored() -> None:
    assert tell(an_external_run(), Status.RUNNING, by=Reporter(), last_seq=5, seq=1).applied
    assert tell(an_external_run(), Status.RUNNING, by=CI, last_seq=5, seq=6).applied
    assert tell(an_external_run(), Status.RUNNING, by=CI, last_seq=5).applied


@pytest.mark.parametrize("end", [Status.COMPLETED, Status.FAILED, Status.SKIPPED, Status.CANCELLED])
def test_a_late_report_never_reopens_a_finished_stage(end: Status) -> None:
    run = an_external_run()
    tell(run, end)
    seq = run.last_seq

    running = tell(run, Status.RUNNING, records_processed=9)
    again = tell(run, end, records_processed=9)

    for ruling in (running, again):
        assert (ruling.outcome, ruling.status) == (ReportOutcome.IGNORED, end)
        assert ruling.why
    assert run.last_seq == seq
    assert run.stages["a"].current.records_processed is None


def test_the_same_status_with_news_is_progress() -> None:
    run = an_external_run()
    tell(run, Status.RUNNING)

    ruling = tell(run, Status.RUNNING, records_processed=7, message="half")

    assert (ruling.outcome, ruling.status, ruling.seq) == (ReportOutcome.APPLIED, Status.RUNNING, run.last_seq)
    assert newest(run) == (EventType.STAGE_PROGRESS, "a", Status.RUNNING)
    assert run.new_events[-1].data == {"records_processed": 7, "message": "half"}


def test_the_same_status_without_news_is_passed_over() -> None:
    run = an_external_run()
    tell(run, Status.RUNNING, records_processed=7)
    seq = run.last_seq

    for details in ({}, {"records_processed": 7}, {"reported_at": NOW}):
        ruling = tell(run, Status.RUNNING, **details)
        assert (ruling.outcome, ruling.seq) == (ReportOutcome.IGNORED, None)
    assert run.last_seq == seq


def test_another_end_than_the_recorded_one_is_refused_and_kept_as_a_late_report() -> None:
    run = an_external_run()
    tell(run, Status.FAILED, error_message="no")

    ruling = tell(run, Status.COMPLETED, records_processed=9)

    assert (ruling.outcome, ruling.status, ruling.problem) == (ReportOutcome.REFUSED, Status.FAILED, "late_report")
    assert newest(run) == (EventType.REPORT_LATE, "a", Status.COMPLETED)
    assert run.stages["a"].current.records_processed is None


@pytest.mark.parametrize(
    ("here", "said", "possible"),
    [
        (Status.QUEUED, Status.COMPLETED, ["cancelled", "failed", "lost", "running"]),
        (Status.RUNNING, Status.SKIPPED, ["cancelled", "completed", "failed", "lost", "waiting"]),
    ],
)
def test_a_move_the_table_does_not_have_is_refused_naming_those_that_are_possible(here: Status, said: Status, possible: list[str]) -> None:
    run = a_started_run()
    run.stages["a"].current.status = here

    ruling = tell(run, said, by=HOLDER)

    assert (ruling.outcome, ruling.status, ruling.problem) == (ReportOutcome.REFUSED, here, "impossible_move")
    assert ruling.facts == {"status": here, "possible": possible}


def test_a_legal_report_is_applied_and_answers_the_events_seq() -> None:
    run = an_external_run()
    before = run.last_seq

    ruling = tell(run, Status.COMPLETED, records_processed=3, output={"k": 1}, message="done")

    assert (ruling.outcome, ruling.status, ruling.seq) == (ReportOutcome.APPLIED, Status.COMPLETED, before + 1)
    event = run.new_events[before]
    assert (event.seq, event.type, event.actor, event.at) == (before + 1, EventType.STAGE_MOVED, "ci", an_hour_later())
    attempt = run.stages["a"].current
    assert (attempt.records_processed, attempt.output, attempt.message) == (3, {"k": 1}, "done")


def test_a_failed_report_without_a_reason_is_an_error() -> None:
    run = an_external_run()
    tell(run, Status.FAILED, error_message="no")
    timed = a_started_run()
    tell(timed, Status.FAILED, by=HOLDER, reason=Reason.TIMEOUT)

    assert (run.stages["a"].current.reason, run.stages["a"].current.error_message) == (Reason.ERROR, "no")
    assert timed.stages["a"].current.reason is Reason.TIMEOUT


def test_the_reporters_clock_is_shown_and_orders_nothing() -> None:
    run = an_external_run()

    tell(run, Status.RUNNING, reported_at=NOW, seq=1)
    ruling = tell(run, Status.COMPLETED, reported_at=NOW, last_seq=1, seq=2)

    assert ruling.applied
    assert run.stages["a"].current.finished_at == an_hour_later()


def test_an_external_stage_may_be_reported_before_its_needs() -> None:
    run = an_external_run()

    assert tell(run, Status.COMPLETED, "b").applied
    assert run.stages["a"].status is Status.WAITING
    assert not run.is_over


def test_a_stage_the_run_does_not_have_is_named() -> None:
    ruling = tell(an_external_run(), Status.RUNNING, "nobody")

    assert (ruling.outcome, ruling.problem) == (ReportOutcome.REFUSED, "unknown_stage")


def test_a_stage_the_holder_starts_by_report_runs_under_its_dispatch() -> None:
    """Else nobody would own it: its dispatch could end, and its lease could run out, without it being noticed."""
    run = a_started_run(["a", "b"])
    tell(run, Status.COMPLETED, by=HOLDER)

    assert tell(run, Status.RUNNING, "b", by=HOLDER).applied

    assert [stage.name for stage in run.get_stages_running_in(1)] == ["b"]
    assert run.end_dispatch(NOW) is False
    attempt = run.stages["b"].current
    assert (attempt.worker, attempt.epoch, attempt.started_at) == (WORKER, 1, an_hour_later())
    assert attempt.deadline_at == an_hour_later(an_hour_later())


# -- about the run as a whole --


def test_running_confirms_an_open_run_and_keeps_a_message() -> None:
    run = an_external_run()

    assert tell(run, Status.RUNNING, None).applied is False
    ruling = tell(run, Status.RUNNING, None, message="begun")

    assert (ruling.outcome, ruling.seq) == (ReportOutcome.APPLIED, run.last_seq)


@pytest.mark.parametrize("verdict", [Status.FAILED, Status.CANCELLED])
def test_failed_and_cancelled_end_the_run(verdict: Status) -> None:
    run = an_external_run()

    ruling = tell(run, verdict, None, error_message="the site is down")

    assert (ruling.outcome, ruling.status) == (ReportOutcome.APPLIED, verdict)
    assert run.status is verdict
    assert {stage.status for stage in run.stages.values()} == {Status.CANCELLED}


def test_a_verdict_on_a_run_with_a_running_stage_wins_when_that_is_over() -> None:
    run = a_started_run(2)

    tell(run, Status.FAILED, None)
    assert (run.status, run.stages["b"].status) == (Status.RUNNING, Status.CANCELLED)
    assert tell(run, Status.COMPLETED, None).applied is False
    tell(run, Status.COMPLETED, by=HOLDER)

    assert (run.status, run.stages["a"].status) == (Status.FAILED, Status.COMPLETED)


def test_completed_ends_a_run_when_only_external_stages_are_left() -> None:
    run = a_started_run(["a", a_stage("b", "external")])
    refused = tell(run, Status.COMPLETED, None)
    tell(run, Status.COMPLETED, by=HOLDER)

    ruling = tell(run, Status.COMPLETED, None)

    assert (refused.outcome, refused.problem, refused.facts) == (ReportOutcome.REFUSED, "not_over", {"not_over": ["a"]})
    assert (ruling.outcome, run.status) == (ReportOutcome.APPLIED, Status.COMPLETED)
    assert run.stages["b"].status is Status.SKIPPED


def test_a_run_cannot_be_skipped() -> None:
    run = an_external_run()

    ruling = tell(run, Status.SKIPPED, None)

    assert (ruling.outcome, ruling.problem) == (ReportOutcome.REFUSED, "impossible_move")
    assert (run.status, run.verdict) == (Status.WAITING, None)


def test_a_finished_run_takes_no_other_end() -> None:
    run = an_external_run()
    tell(run, Status.FAILED, None)

    same = tell(run, Status.FAILED, None)
    running = tell(run, Status.RUNNING, None)
    other = tell(run, Status.COMPLETED, None)

    assert [ruling.outcome for ruling in (same, running, other)] == ["ignored", "ignored", "refused"]
    assert newest(run) == (EventType.REPORT_LATE, None, Status.COMPLETED)
    assert run.status is Status.FAILED


def test_an_older_seq_about_the_run_is_passed_over() -> None:
    run = an_external_run()

    assert tell(run, Status.FAILED, None, last_seq=5, seq=5).applied is False
    assert not run.is_over
