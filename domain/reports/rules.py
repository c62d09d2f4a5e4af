"""How a report is judged: the rows of the table in order, the first that fits decides (DESIGN, "How a report is judged")."""

from datetime import datetime

from domain.reports.report import Report, ReportDecision, Reporter
from domain.reports.run_rules import judge_run_report
from domain.reports.stage_rules import _StageJudgement
from domain.runs.run import Run


def judge_report(run: Run, report: Report, reporter: Reporter, last_seq: int | None, now: datetime) -> ReportDecision:
    """Apply the report to the run if it may be, and say what became of it.

    `last_seq` is the highest `seq` of this reporter that was judged for this run before. Event ids are the caller's: they need the store.
    """
    if report.stage is None:
        return judge_run_report(run, report, reporter, last_seq, now)
    stage = run.stages.get(report.stage)
    if stage is None:
        return ReportDecision(409, False, run.status, f"Run {run.number} has no stage named {report.stage:.100}.", problem="unknown_stage")
    return _StageJudgement(run, stage, stage.current, report, report.details, reporter, last_seq, now).ruling()
