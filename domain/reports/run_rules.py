"""Rules for reports about a run as a whole."""

from datetime import datetime

from domain.pipelines.definition import StageKind
from domain.reports.report import Report, ReportDecision, Reporter, is_out_of_order
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.status import Status


def judge_run_report(run: Run, report: Report, reporter: Reporter, last_seq: int | None, now: datetime) -> ReportDecision:
    actor = reporter.worker or reporter.name
    if is_out_of_order(report, reporter, last_seq):
        return ReportDecision(200, False, run.status, "A later report of this reporter was judged already.")
    if run.is_over:
        return _judge_finished_run(run, report, actor, now)
    if report.status is Status.RUNNING:
        if report.message is None:
            return ReportDecision(200, False, run.status, "The run is open already.")
        event = run.record(EventType.STAGE_PROGRESS, now, status=run.status, actor=actor, data=report.details)
        return ReportDecision(200, True, run.status, seq=event.seq)
    if report.status is Status.SKIPPED:
        possible = [Status.CANCELLED, Status.COMPLETED, Status.FAILED]
        sentence = f"A run cannot be skipped; possible: {', '.join(possible)}."
        return ReportDecision(
            409, False, run.status, sentence, problem="impossible_move", facts={"status": run.status, "possible": possible}
        )
    if run.stop_requested_at is not None:
        return ReportDecision(200, False, run.status, "The run is ending already.")
    if report.status is Status.COMPLETED:
        left = [stage.name for stage in run.unfinished() if stage.definition.kind is not StageKind.EXTERNAL]
        if left:
            sentence = f"The run cannot be completed while {', '.join(left)} {'is' if len(left) == 1 else 'are'} not over."
            return ReportDecision(409, False, run.status, sentence, problem="not_over", facts={"not_over": left})
    run.set_verdict(report.status, now, actor, report.error_message or report.message)
    return ReportDecision(200, True, run.status, seq=run.last_seq)


def _judge_finished_run(run: Run, report: Report, actor: str | None, now: datetime) -> ReportDecision:
    if report.status is run.status:
        return ReportDecision(200, False, run.status, f"The run is {run.status} already.")
    if not report.status.is_terminal:
        return ReportDecision(200, False, run.status, f"The run is over already: it is {run.status}.")
    event = run.record(EventType.REPORT_LATE, now, status=report.status, actor=actor, data=report.details)
    sentence = f"The run is {run.status}, which is final; the report is kept in the history."
    return ReportDecision(409, False, run.status, sentence, event.seq, "late_report", {"status": run.status})
