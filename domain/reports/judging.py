"""Judge reports: decide whether a report is applied, ignored or refused (DESIGN, "How a report is judged")."""

from datetime import datetime

from domain.reports.report import Report, ReportDecision, Reporter, refused
from domain.reports.run_rules import judge_run_report
from domain.reports.stage_rules import StageReportJudge
from domain.runs.run import Run


def judge_report(
    run: Run, report: Report, reporter: Reporter, last_seq: int | None, now: datetime, *, is_placed: bool = False
) -> ReportDecision:
    """Apply the report to the run if the rules allow it, and return the decision.

    `last_seq` is the highest `seq` of this reporter that was judged for this run. `is_placed` is True if the report names no run and
    `place_report` chose this one. The caller handles event ids, which need the store.
    """
    if report.stage is None:
        return judge_run_report(run, report, reporter, last_seq, now)
    stage = run.stages.get(report.stage)
    if stage is None:
        return refused(run.status, "unknown_stage", f"{run.name} has no stage named {report.stage:.100}.")
    return StageReportJudge(run, stage, stage.current, report, report.details, reporter, last_seq, now, is_placed).decide()
