"""The OpenAPI description of a route's errors."""

from typing import Any

PROBLEM_REFERENCE = {"$ref": "#/components/schemas/ProblemResponse"}
DESCRIPTIONS = {
    401: "The token is missing or invalid",
    403: "Not allowed: the token's scope, or a web page of another origin",
    404: "Not found",
    409: "Conflict with the current state",
    412: "It was changed after the client read it",
    413: "The body is larger than 1 MiB",
    415: "The body is neither JSON nor a form",
    422: "Invalid input; every invalid field is named",
    429: "More requests than the limit allows, or too many runs wait for a slot; try again after `Retry-After` seconds",
    503: "The database does not respond, or Headgate is overloaded; try again after `Retry-After` seconds",
    507: "Not enough disk space for new runs",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers these errors."""
    return {
        status: {
            "description": DESCRIPTIONS[status],
            "content": {"application/problem+json": {"schema": PROBLEM_REFERENCE, "example": _EXAMPLES[status]}},
        }
        for status in statuses
    }


def _example(status: int, kind: str, title: str, detail: str, **more: Any) -> dict[str, Any]:
    head = {"type": f"urn:headgate:problem:{kind}", "title": title, "status": status, "detail": detail, "problem": kind}
    return {**head, "request_id": "0f5c6a9d2b7e4f5c", **more}


_EXAMPLES: dict[int, dict[str, Any]] = {
    401: _example(
        401, "unauthorized", "Unauthorized", "The token is invalid: it was not issued here, or it was altered, revoked or has expired."
    ),
    403: _example(403, "foreign_origin", "Cross-origin request refused", "The request comes from a web page of another site."),
    404: _example(404, "not_found", "Not found", "There is no run 99."),
    409: _example(
        409,
        "late_report",
        "Late report",
        "certify is completed, which is final. The run history records the report that it failed.",
        run_id=7,
        seq=15,
        state="completed",
    ),
    412: _example(412, "stale", "Changed in the meantime", "flights is at revision 3; reload it before you change it."),
    413: _example(413, "too_large", "Too large", "The body must be at most 1 MiB."),
    415: _example(
        415, "unsupported_media_type", "Unsupported media type", "The body must be JSON or a form. Set Content-Type: application/json."
    ),
    422: _example(
        422,
        "invalid",
        "Invalid input",
        "stages[0].timeout: must be seconds or a duration such as 90s, 15m, 24h or 7d; more than 0 and at most 366 days",
        errors=[
            {
                "field": "stages[0].timeout",
                "message": "must be seconds or a duration such as 90s, 15m, 24h or 7d; more than 0 and at most 366 days",
            }
        ],
    ),
    429: _example(429, "rate_limited", "Too many requests", "More than 100 requests in 1 s. Try again in 1 s."),
    503: _example(503, "unavailable", "Service unavailable", "The database does not respond."),
    507: _example(
        507,
        "disk_low",
        "Disk almost full",
        "The disk of Headgate's home has 120 MiB left. New runs need 512 MiB. Status reports are still accepted.",
    ),
}
