"""Errors as RFC 9457 problem documents. One table maps the domain's errors to HTTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from application.commands.reports.report_results import ReportResult
from domain.errors import (
    Conflict,
    FieldProblem,
    HeadgateError,
    IdempotencyKeyReused,
    InsufficientDiskSpace,
    InvalidInput,
    NameTaken,
    NotAllowed,
    NotFound,
    NotSignedIn,
    StaleRevision,
    Unavailable,
)
from domain.reports.report import ReportOutcome
from entrypoints.http.strict_json import sanitize_text

MEDIA_TYPE = "application/problem+json"
REQUEST_ID_KEY = "headgate.request_id"
_RFC_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "problem", "request_id", "errors"})


@dataclass(frozen=True, slots=True)
class Problem:
    """A refused request. `kind` is stable and meant for programs, `detail` is a sentence for people, `facts` become members of the document."""

    status: int
    kind: str
    detail: str
    errors: Sequence[FieldProblem] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES.get(self.kind) or self.kind.replace("_", " ").capitalize()

    def as_json(self, request_id: str | None) -> dict[str, Any]:
        document: dict[str, Any] = {
            "type": f"urn:headgate:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "problem": self.kind,
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = [{"field": item.field or "body", "message": item.message} for item in self.errors]
        return document | {_member_name(name): value for name, value in self.facts.items()}


class ProblemError(Exception):
    """A problem that has no domain error: a token, an address, a size."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


ErrorPageRenderer = Callable[[Request, Problem], Response | None]
"""Renders a problem as a page. None: answer with problem+json."""

TITLES = {
    "invalid": "Invalid input",
    "not_found": "Not found",
    "unavailable": "Try again shortly",
    "internal": "Something went wrong here",
    "not_yours": "Not yours to report",
    "not_allowed": "Not yours to do",
    "unauthorized": "Sign in first",
    "foreign_form": "An old or foreign form",
    "name_taken": "Name taken",
    "late_report": "Too late",
    "several_runs": "Which run?",
    "dispatch_gone": "Dispatch gone",
    "protocol_version": "Update the worker",
    "foreign_origin": "Another site's request",
    "unknown_host": "Unknown host name",
    "token_scope": "Token not good for this",
    "stale": "Changed meanwhile",
    "disk_low": "Disk almost full",
    "stopping": "Stopping",
    "overloaded": "Too much at once",
    "too_slow": "Too slow to come",
    "rate_limited": "Too many requests",
    "address_too_long": "Address too long",
    "headers_too_large": "Headers too many or too large",
}

_WAIT = {"in_progress": {"Retry-After": "1"}}
PROBLEM_FACTORIES: dict[type[HeadgateError], Callable[[Any], Problem]] = {
    InvalidInput: lambda error: validation_problem(error.problems),
    NotFound: lambda error: Problem(404, "not_found", str(error)),
    NameTaken: lambda error: Problem(409, "name_taken", str(error)),
    Conflict: lambda error: Problem(409, error.kind, str(error), facts=error.facts, headers=_WAIT.get(error.kind, {})),
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

ROUTE_NOT_FOUND = Problem(404, "not_found", "There is nothing at this address.")
STOPPING = Problem(503, "stopping", "Headgate is stopping; ask again in a moment.", headers={"Retry-After": "1", "Connection": "close"})
INTERNAL = Problem(500, "internal", "Something went wrong here. The log has the reason under this request id.")


def to_problem(error: HeadgateError) -> Problem:
    """Return the problem of an error, by its class or its nearest base class."""
    for kind in type(error).__mro__:
        if kind in PROBLEM_FACTORIES:
            return PROBLEM_FACTORIES[kind](error)
    return INTERNAL


def validation_problem(problems: Sequence[FieldProblem]) -> Problem:
    """Return the 422 that names every invalid field."""
    shown = [f"{item.field or 'body'}: {item.message}" for item in problems[:3]]
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return Problem(422, "invalid", "; ".join(shown) + more, errors=problems)


def to_report_problem(result: ReportResult) -> Problem:
    """Return the problem of a refused status update."""
    facts = {"run_id": result.run_id, "seq": result.seq, "state": result.status} if result.run_id is not None else {}
    status = REPORT_OUTCOME_STATUSES[result.outcome]
    return Problem(status, result.problem or "refused", result.why or "The report was refused.", facts={**facts, **result.facts})


def to_field_problems(error: ValidationError | Sequence[Any], skip: int = 0) -> list[FieldProblem]:
    """Return pydantic's findings without the input they are about. `skip` drops that many leading parts of each location."""
    details = error.errors(include_url=False, include_input=False, include_context=False) if isinstance(error, ValidationError) else error
    return [FieldProblem(_path(detail["loc"][skip:]), _sentence(detail)) for detail in details]


def problem_response(scope: Scope, problem: Problem) -> Response:
    """Return the problem as a page if the client accepts HTML and the path has pages, else as problem+json."""
    request = Request(scope)
    page: ErrorPageRenderer | None = getattr(scope["app"].state, "error_page", None)
    if page is not None and "text/html" in request.headers.get("accept", ""):
        rendered = page(request, problem)
        if rendered is not None:
            rendered.headers.update(problem.headers)
            return rendered
    content = orjson.dumps(problem.as_json(scope.get(REQUEST_ID_KEY)), option=orjson.OPT_UTC_Z, default=str)
    return Response(content, problem.status, headers={**problem.headers, "Cache-Control": "no-store"}, media_type=MEDIA_TYPE)


def _member_name(name: str) -> str:
    """In a problem document `status` is the HTTP status, so a run's or stage's status is `state`."""
    return ("state" if name == "status" else f"{name}_") if name in _RFC_MEMBERS else name


def _path(location: Sequence[Any]) -> str:
    path = ""
    for part in location:
        name = sanitize_text(f"{part!s:.60}")
        path += f"[{part}]" if isinstance(part, int) else f".{name}" if path else name
    return path or "body"


def _sentence(detail: Mapping[str, Any]) -> str:
    if detail["type"] == "extra_forbidden":
        return "unknown key"
    if detail["type"] == "missing":
        return "is required"
    if detail["type"] in ("model_type", "model_attributes_type"):
        return "is a JSON object"
    return str(detail["msg"]).removeprefix("Value error, ")
