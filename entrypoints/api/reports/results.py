"""The results of status updates as JSON. Plain dicts: a batch has up to 1,000, and a test compares them with the response models."""

from typing import Any

from application.commands.reports.report_results import ReportResult
from entrypoints.http.error_problems import REPORT_OUTCOME_STATUSES
from entrypoints.http.problems import Problem


def describe_result(result: ReportResult) -> dict[str, Any]:
    """Return the fields of a StatusUpdateResponse."""
    return {"applied": result.applied, "why": result.why, "run_id": result.run_id, "seq": result.seq, "status": result.status}


def describe_item(result: ReportResult) -> dict[str, Any]:
    """Return the fields of a BatchItemResponse."""
    return {"http_status": REPORT_OUTCOME_STATUSES[result.outcome], **describe_result(result), "problem": result.problem}


def describe_invalid_item(problem: Problem) -> dict[str, Any]:
    """Return the fields of a BatchItemResponse for an item that is no valid update."""
    return {
        "http_status": problem.status,
        "applied": False,
        "why": problem.detail,
        "run_id": None,
        "seq": None,
        "status": None,
        "problem": problem.kind,
        "errors": [{"field": item.field, "message": item.message} for item in problem.errors],
    }
