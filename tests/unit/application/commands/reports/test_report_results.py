"""The stored form of report results, including the form of earlier versions."""

from dataclasses import replace
from typing import Any

import pytest

from application.commands.reports.report_results import ReportResult
from domain.reports.report import ReportOutcome
from domain.runs.status import Status

REFUSED = ReportResult(ReportOutcome.REFUSED, "load is completed already.", 7, 12, Status.COMPLETED, "late_report", {"status": "completed"})


@pytest.mark.parametrize("result", [REFUSED, *(ReportResult(outcome, "why") for outcome in ReportOutcome)])
def test_a_stored_result_is_read_back_as_a_replayed_one(result: ReportResult) -> None:
    read = ReportResult.from_json(result.as_json())

    assert (read, read.replayed) == (replace(result, replayed=True), True)


@pytest.mark.parametrize(
    ("http_status", "applied", "problem", "outcome"),
    [
        (200, True, None, ReportOutcome.APPLIED),
        (200, False, None, ReportOutcome.IGNORED),
        (409, False, "late_report", ReportOutcome.REFUSED),
        (409, False, "unknown_stage", ReportOutcome.REFUSED),
        (403, False, "token_scope", ReportOutcome.FORBIDDEN),
        (404, False, "not_found", ReportOutcome.NOT_FOUND),
        (422, False, "event_id_reused", ReportOutcome.INVALID),
        (422, False, "invalid", ReportOutcome.INVALID),
    ],
)
def test_a_result_stored_with_an_http_status_gets_its_outcome(
    http_status: int, applied: bool, problem: str | None, outcome: ReportOutcome
) -> None:
    stored: dict[str, Any] = {"http_status": http_status, "applied": applied, "why": "why", "run_id": 7, "seq": 3, "status": "running"}

    read = ReportResult.from_json({**stored, "problem": problem, "facts": {"status": "running"}})

    assert read == ReportResult(outcome, "why", 7, 3, Status.RUNNING, problem, {"status": "running"})
    assert read.replayed
