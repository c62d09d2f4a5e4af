"""Helpers to send reports to runs."""

from typing import Any

from domain.reports.judging import judge_report
from domain.reports.report import Report, ReportDecision, Reporter
from domain.runs.events import EventType
from domain.runs.run import Run
from domain.runs.status import Status
from tests.support.builders import WORKER, a_run, a_stage, an_hour_later

HOLDER = Reporter(WORKER, WORKER, 1)


CI = Reporter("ci")


def an_external_run(**keys: Any) -> Run:
    return a_run([a_stage("a", "external", **keys), a_stage("b", "external")])


def send(
    run: Run, status: Status, stage: str | None = "a", by: Reporter = CI, last_seq: int | None = None, **details: Any
) -> ReportDecision:
    return judge_report(run, Report(status, stage, **details), by, last_seq, an_hour_later())


def get_newest_event(run: Run) -> tuple[EventType, str | None, Status | None]:
    event = run.new_events[-1]
    return event.type, event.stage, event.status
