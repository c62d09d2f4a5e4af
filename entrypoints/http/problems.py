"""Errors as RFC 9457 problem documents. One table maps the domain's errors to HTTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from domain.errors import (
    FieldProblem,
)

MEDIA_TYPE = "application/problem+json"
REQUEST_ID_KEY = "headgate.request_id"
_RFC_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "problem", "request_id", "errors"})


@dataclass(frozen=True, slots=True)
class Problem:
    """A refused request. `kind` is stable, for programs; `detail` is a sentence for people; `facts` are further members of the document."""

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
            document["errors"] = [_describe_error(item) for item in self.errors]
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
    "unavailable": "Service unavailable",
    "internal": "Internal error",
    "not_yours": "Report not allowed",
    "not_allowed": "Not allowed",
    "unauthorized": "Sign-in required",
    "foreign_form": "Form expired",
    "name_taken": "Name taken",
    "archived": "Archived",
    "not_archived": "Not archived",
    "incident_resolved": "Incident already resolved",
    "alert_rule_exists": "Name taken",
    "channel_exists": "Name taken",
    "channel_in_use": "Channel in use",
    "too_many_rules": "Too many rules",
    "limit_full": "Concurrency limit reached",
    "queue_full": "Queue full",
    "late_report": "Late report",
    "several_runs": "Several active runs",
    "different_pipeline": "Different pipeline",
    "dispatch_gone": "Dispatch ended",
    "worker_id_taken": "Worker id taken",
    "protocol_version": "Protocol version mismatch",
    "foreign_origin": "Cross-origin request refused",
    "unknown_host": "Unknown host name",
    "token_scope": "Token not allowed",
    "stale": "Changed in the meantime",
    "disk_low": "Disk almost full",
    "stopping": "Stopping",
    "overloaded": "Headgate is overloaded",
    "too_slow": "Request timed out",
    "invalid_request": "Invalid request",
    "rate_limited": "Too many requests",
    "address_too_long": "URL too long",
    "headers_too_large": "Headers too many or too large",
}

ROUTE_NOT_FOUND = Problem(404, "not_found", "No page or route exists at this URL.")
STOPPING = Problem(503, "stopping", "Headgate is stopping. Try again in a moment.", headers={"Retry-After": "1", "Connection": "close"})
INTERNAL = Problem(500, "internal", "An internal error occurred. The log shows the cause under this request ID.")


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


def _describe_error(problem: FieldProblem) -> dict[str, Any]:
    error: dict[str, Any] = {"field": problem.field or "body", "message": problem.message}
    return error if problem.line is None else {**error, "line": problem.line}


def _member_name(name: str) -> str:
    """In a problem document `status` is the HTTP status, so a run's or stage's status is `state`."""
    return ("state" if name == "status" else f"{name}_") if name in _RFC_MEMBERS else name
