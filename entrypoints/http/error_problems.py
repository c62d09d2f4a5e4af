"""The one table from the errors of the domain to HTTP, and from the outcomes of status reports."""

from collections.abc import Callable
from typing import Any

from application.commands.reports.report_results import ReportResult
from domain.errors import (
    Conflict,
    HeadgateError,
    IdempotencyKeyReused,
    InsufficientDiskSpace,
    InvalidInput,
    NameTaken,
    NotAllowed,
    NotFound,
    NotSignedIn,
    StaleRevision,
    TooManyWaiting,
    Unavailable,
)
from domain.reports.report import ReportOutcome
from entrypoints.http.problems import INTERNAL, Problem
from entrypoints.http.validation_problems import validation_problem

QUEUE_FULL_SECONDS = "60"
"""When to send a trigger again that was refused since too many wait for a slot."""
_WAIT = {"in_progress": {"Retry-After": "1"}}
PROBLEM_FACTORIES: dict[type[HeadgateError], Callable[[Any], Problem]] = {
    InvalidInput: lambda error: validation_problem(error.problems),
    NotFound: lambda error: Problem(404, "not_found", str(error)),
    NameTaken: lambda error: Problem(409, "name_taken", str(error)),
    Conflict: lambda error: Problem(409, error.kind, str(error), facts=error.facts, headers=_WAIT.get(error.kind, {})),
    TooManyWaiting: lambda error: Problem(
        429, "queue_full", str(error), facts={"bucket": error.bucket}, headers={"Retry-After": QUEUE_FULL_SECONDS}
    ),
    IdempotencyKeyReused: lambda error: Problem(422, "idempotency_key_reused", str(error)),
    StaleRevision: lambda error: Problem(412, "stale", str(error)),
    InsufficientDiskSpace: lambda error: Problem(507, "disk_low", str(error), headers={"Retry-After": "60"}),
    NotAllowed: lambda error: Problem(403, "not_allowed", str(error)),
    NotSignedIn: lambda error: Problem(401, "not_signed_in", str(error), headers={"WWW-Authenticate": 'Bearer realm="headgate"'}),
    Unavailable: lambda error: Problem(503, "unavailable", str(error), headers={"Retry-After": str(max(1, round(error.retry_after)))}),
}

REPORT_OUTCOME_STATUSES: dict[ReportOutcome, int] = {
    ReportOutcome.APPLIED: 200,
    ReportOutcome.IGNORED: 200,
    ReportOutcome.REFUSED: 409,
    ReportOutcome.FORBIDDEN: 403,
    ReportOutcome.NOT_FOUND: 404,
    ReportOutcome.INVALID: 422,
}
"""The HTTP status of each outcome of a status report."""


def to_problem(error: HeadgateError) -> Problem:
    """Return the problem of an error, by its class or its nearest base class."""
    for kind in type(error).__mro__:
        if kind in PROBLEM_FACTORIES:
            return PROBLEM_FACTORIES[kind](error)
    return INTERNAL


def to_report_problem(result: ReportResult) -> Problem:
    """Return the problem of a refused status update."""
    facts = {"run_id": result.run_id, "seq": result.seq, "state": result.status} if result.run_id is not None else {}
    status = REPORT_OUTCOME_STATUSES[result.outcome]
    return Problem(status, result.problem or "refused", result.why or "The report was refused.", facts={**facts, **result.facts})
