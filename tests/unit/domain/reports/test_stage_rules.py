"""The rules for reports about a stage, in their order."""

import pytest

from domain.flow_runs.flow_run import FlowRunChange
from domain.reports.report import Reporter, ReportOutcome
from domain.runs.events import EventType
from domain.runs.status import REPORTABLE_STATUSES, Reason, Status
from tests.support.builders import NOW, WORKER, a_run, a_stage, a_started_run, an_hour_later
from tests.unit.domain.reports.report_helpers import CI, HOLDER, an_external_run, get_newest_event, send


@pytest.mark.parametrize(
    "reporter",
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
def test_only_the_holder_of_the_dispatch_can_report_a_stage_that_runs_on_a_worker(reporter: Reporter, status: Status) -> None:
    run = a_started_run()

    decision = send(run, status, by=reporter)

    assert (decision.outcome, decision.problem) == (ReportOutcome.REFUSED, "not_yours")
    assert run.stages["a"].status is Status.RUNNING


@pytest.mark.parametrize("reporter", [Reporter(), CI, HOLDER, Reporter("attempt", attempt=("a", 1))])
@pytest.mark.parametrize("status", sorted(REPORTABLE_STATUSES))
def test_reports_about_a_stage_that_runs_in_prefect_are_refused(reporter: Reporter, status: Status) -> None:
    run = a_started_run([a_stage("a", "prefect", needs=[]), a_stage("b", needs=[])])
    seq = run.last_seq

    decision = send(run, status, by=reporter)

    assert (decision.outcome, decision.problem) == (ReportOutcome.REFUSED, "not_yours")
    assert decision.why == "a runs in Prefect, which reports its status."
    assert (run.stages["a"].status, run.last_seq) == (Status.QUEUED, seq)


def test_a_report_about_the_run_cancels_the_flow_runs_of_its_stages() -> None:
    run = a_run([a_stage("a", "prefect", needs=[]), a_stage("b", "external", needs=[])])

    assert send(run, Status.COMPLETED, stage=None).problem == "not_over"
    assert send(run, Status.FAILED, stage=None).applied

    assert [stage.status for stage in run.stages.values()] == [Status.CANCELLED, Status.CANCELLED]
    assert run.flow_run_changes == {(0, 1): FlowRunChange.CANCEL}


def test_a_report_of_a_former_holder_is_refused_and_recorded() -> None:
    run = a_started_run()
    run.lose_dispatch(1, NOW)

    decision = send(run, Status.COMPLETED, by=HOLDER, records_processed=5)

    assert decision.problem == "not_yours"
    assert get_newest_event(run) == (EventType.REPORT_REFUSED, "a", Status.COMPLETED)
    assert decision.seq == run.last_seq


def test_a_fence_that_is_reported_after_the_lease_expired_counts_as_no_retry() -> None:
    run = a_started_run([a_stage("a", retries=1, retry_on_loss=True)])
    run.lose_dispatch(1, NOW)
    before = run.stages["a"].retries_left

    others = send(run, Status.LOST, by=Reporter("other", "other", 1), attempt=1, reason=Reason.FENCED)
    unchanged = run.stages["a"].retries_left
    decision = send(run, Status.LOST, by=HOLDER, attempt=1, reason=Reason.FENCED)

    assert (others.problem, decision.problem) == ("not_yours", "not_yours")
    assert (before, unchanged, run.stages["a"].retries_left) == (0, 0, 1)
    assert [attempt.status for attempt in run.stages["a"].attempts] == [Status.LOST, Status.QUEUED]


def test_an_attempt_token_can_add_progress_and_outputs_to_a_running_attempt() -> None:
    run = a_started_run()
    by = Reporter("attempt", attempt=("a", 1))

    decision = send(run, Status.RUNNING, by=by, records_processed=5, output={"k": 1})

    assert (decision.outcome, decision.seq) == (ReportOutcome.APPLIED, run.last_seq)
    assert (run.stages["a"].current.records_processed, run.stages["a"].current.output) == (5, {"k": 1})
    assert send(run, Status.COMPLETED, by=by).problem == "not_yours"


@pytest.mark.parametrize(("attempt", "problem"), [(1, "stale_attempt"), (3, "unknown_attempt"), (0, "unknown_attempt")])
def test_a_report_about_another_attempt_is_refused_and_recorded(attempt: int, problem: str) -> None:
    run = a_started_run([a_stage("a", retries=1)])
    send(run, Status.FAILED, by=HOLDER)
    run.start_ready_stages(1, WORKER, NOW)

    decision = send(run, Status.COMPLETED, by=HOLDER, attempt=attempt)

    assert (decision.outcome, decision.problem) == (ReportOutcome.REFUSED, problem)
    assert get_newest_event(run) == (EventType.REPORT_REFUSED, "a", Status.COMPLETED)
    assert run.stages["a"].status is Status.RUNNING


@pytest.mark.parametrize("seq", [1, 5])
def test_an_older_seq_of_the_same_reporter_is_ignored(seq: int) -> None:
    run = an_external_run()

    decision = send(run, Status.RUNNING, last_seq=5, seq=seq)

    assert (decision.outcome, decision.status) == (ReportOutcome.IGNORED, Status.WAITING)
    assert decision.why


def test_the_seq_of_an_anonymous_reporter_is_ignored() -> None:
    assert send(an_external_run(), Status.RUNNING, by=Reporter(), last_seq=5, seq=1).applied
    assert send(an_external_run(), Status.RUNNING, by=CI, last_seq=5, seq=6).applied
    assert send(an_external_run(), Status.RUNNING, by=CI, last_seq=5).applied


@pytest.mark.parametrize("end", [Status.COMPLETED, Status.FAILED, Status.SKIPPED, Status.CANCELLED])
def test_a_late_report_never_reopens_a_finished_stage(end: Status) -> None:
    run = an_external_run()
    send(run, end)
    seq = run.last_seq

    running = send(run, Status.RUNNING, records_processed=9)
    repeated = send(run, end, records_processed=9)

    for decision in (running, repeated):
        assert (decision.outcome, decision.status) == (ReportOutcome.IGNORED, end)
        assert decision.why
    assert run.last_seq == seq
    assert run.stages["a"].current.records_processed is None


def test_the_same_status_with_new_details_is_progress() -> None:
    run = an_external_run()
    send(run, Status.RUNNING)

    decision = send(run, Status.RUNNING, records_processed=7, message="half")

    assert (decision.outcome, decision.status, decision.seq) == (ReportOutcome.APPLIED, Status.RUNNING, run.last_seq)
    assert get_newest_event(run) == (EventType.STAGE_PROGRESS, "a", Status.RUNNING)
    assert run.new_events[-1].data == {"records_processed": 7, "message": "half"}


def test_the_same_status_without_new_details_is_ignored() -> None:
    run = an_external_run()
    send(run, Status.RUNNING, records_processed=7)
    seq = run.last_seq

    for details in ({}, {"records_processed": 7}, {"reported_at": NOW}):
        decision = send(run, Status.RUNNING, **details)
        assert (decision.outcome, decision.seq) == (ReportOutcome.IGNORED, None)
    assert run.last_seq == seq


def test_a_different_end_is_refused_and_recorded_as_a_late_report() -> None:
    run = an_external_run()
    send(run, Status.FAILED, error_message="no")

    decision = send(run, Status.COMPLETED, records_processed=9)

    assert (decision.outcome, decision.status, decision.problem) == (ReportOutcome.REFUSED, Status.FAILED, "late_report")
    assert get_newest_event(run) == (EventType.REPORT_LATE, "a", Status.COMPLETED)
    assert run.stages["a"].current.records_processed is None


@pytest.mark.parametrize(
    ("current", "reported", "possible"),
    [
        (Status.QUEUED, Status.COMPLETED, ["cancelled", "failed", "lost", "running"]),
        (Status.RUNNING, Status.SKIPPED, ["cancelled", "completed", "failed", "lost", "waiting"]),
    ],
)
def test_an_impossible_move_is_refused_and_the_possible_ones_are_named(current: Status, reported: Status, possible: list[str]) -> None:
    run = a_started_run()
    run.stages["a"].current.status = current

    decision = send(run, reported, by=HOLDER)

    assert (decision.outcome, decision.status, decision.problem) == (ReportOutcome.REFUSED, current, "impossible_move")
    assert decision.facts == {"status": current, "possible": possible}


def test_a_legal_report_is_applied_and_returns_the_seq_of_its_event() -> None:
    run = an_external_run()
    before = run.last_seq

    decision = send(run, Status.COMPLETED, records_processed=3, output={"k": 1}, message="done")

    assert (decision.outcome, decision.status, decision.seq) == (ReportOutcome.APPLIED, Status.COMPLETED, before + 1)
    event = run.new_events[before]
    assert (event.seq, event.type, event.actor, event.at) == (before + 1, EventType.STAGE_MOVED, "ci", an_hour_later())
    attempt = run.stages["a"].current
    assert (attempt.records_processed, attempt.output, attempt.message) == (3, {"k": 1}, "done")


def test_a_failed_report_without_a_reason_has_the_reason_error() -> None:
    run = an_external_run()
    send(run, Status.FAILED, error_message="no")
    timed_out = a_started_run()
    send(timed_out, Status.FAILED, by=HOLDER, reason=Reason.TIMEOUT)

    assert (run.stages["a"].current.reason, run.stages["a"].current.error_message) == (Reason.ERROR, "no")
    assert timed_out.stages["a"].current.reason is Reason.TIMEOUT


def test_the_time_of_the_reporter_does_not_affect_the_order() -> None:
    run = an_external_run()

    send(run, Status.RUNNING, reported_at=NOW, seq=1)
    decision = send(run, Status.COMPLETED, reported_at=NOW, last_seq=1, seq=2)

    assert decision.applied
    assert run.stages["a"].current.finished_at == an_hour_later()


def test_an_external_stage_can_be_reported_before_its_needs_are_over() -> None:
    run = an_external_run()

    assert send(run, Status.COMPLETED, "b").applied
    assert run.stages["a"].status is Status.WAITING
    assert not run.is_over


def test_a_report_about_an_unknown_stage_is_refused() -> None:
    decision = send(an_external_run(), Status.RUNNING, "unknown")

    assert (decision.outcome, decision.problem) == (ReportOutcome.REFUSED, "unknown_stage")


def test_a_stage_that_the_holder_reports_as_running_belongs_to_its_dispatch() -> None:
    """Otherwise its dispatch could end, or its lease expire, while the stage is running."""
    run = a_started_run(["a", "b"])
    send(run, Status.COMPLETED, by=HOLDER)

    assert send(run, Status.RUNNING, "b", by=HOLDER).applied

    assert [stage.name for stage in run.get_stages_running_in(1)] == ["b"]
    assert run.end_dispatch(NOW) is False
    attempt = run.stages["b"].current
    assert (attempt.worker, attempt.epoch, attempt.started_at) == (WORKER, 1, an_hour_later())
    assert attempt.deadline_at == an_hour_later(an_hour_later())
