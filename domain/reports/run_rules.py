"""Rules for reports about a run as a whole."""

from datetime import datetime

from domain.name_lists import format_names
from domain.pipelines.definition import StageKind
from domain.reports.report import Report, ReportDecision, Reporter, applied, ignored, is_out_of_order, refused
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.status import Status


def judge_run_report(run: Run, report: Report, reporter: Reporter, last_seq: int | None, now: datetime) -> ReportDecision:
    """Apply the report to the run if the rules allow it, and return the decision."""
    if is_out_of_order(report, reporter, last_seq):
        return ignored(run.status, "A later report from this reporter has already been processed.")
    if run.is_over:
        return _judge_finished_run(run, report, reporter, now)
    if report.status is Status.RUNNING:
        if report.message is None:
            return ignored(run.status, "The run is already open.")
        event = run.record(EventType.STAGE_PROGRESS, now, status=run.status, actor=reporter.actor, data=report.details)
        return applied(run.status, event.seq)
    if report.status is Status.SKIPPED:
        possible = [Status.CANCELLED, Status.COMPLETED, Status.FAILED]
        sentence = f"A run cannot be skipped. Allowed: {', '.join(possible)}."
        return refused(run.status, "impossible_move", sentence, {"status": run.status, "possible": possible})
    if run.stop_requested_at is not None:
        return ignored(run.status, "The run is already stopping.")
    if report.status is Status.COMPLETED:
        unfinished = [stage.name for stage in run.unfinished_stages if stage.definition.kind is not StageKind.EXTERNAL]
        if unfinished:
            sentence = f"The run cannot be completed before {format_names(unfinished)} {'has' if len(unfinished) == 1 else 'have'} ended."
            return refused(run.status, "not_over", sentence, {"not_over": unfinished})
    run.set_verdict(report.status, now, reporter.actor, report.error_message or report.message)
    return applied(run.status, run.last_seq)


def _judge_finished_run(run: Run, report: Report, reporter: Reporter, now: datetime) -> ReportDecision:
    if report.status is run.status:
        return ignored(run.status, f"The run is already {run.status}.")
    if not report.status.is_terminal:
        return ignored(run.status, f"The run has already ended: it is {run.status}.")
    event = run.record(EventType.REPORT_LATE, now, status=report.status, actor=reporter.actor, data=report.details)
    sentence = f"The run is {run.status}, which is final. The run history records the report."
    return refused(run.status, "late_report", sentence, {"status": run.status}, event.seq)
