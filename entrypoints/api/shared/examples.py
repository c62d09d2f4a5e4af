"""What the OpenAPI document shows. A test holds each to its shape, and posts those that are sent."""

from typing import Any

DEFINITION: dict[str, Any] = {
    "name": "flights",
    "description": "Delays of 336,776 flights",
    "tags": ["flights", "nightly"],
    "parallelism": 4,
    "parameters": {"type": "object", "properties": {"month": {"type": "integer", "minimum": 1, "maximum": 12}}},
    "stages": [
        {"name": "extract", "kind": "python", "callable": "examples.flights.extract:main", "timeout": 120, "retries": 2, "retry_delay": 5},
        {"name": "publish", "kind": "command", "command": ["./publish.sh"], "needs": ["extract"], "allow_failure": True},
        {"name": "certify", "kind": "external", "needs": ["publish"], "timeout": 86400},
    ],
}
PIPELINE: dict[str, Any] = {
    "id": 1,
    "name": "flights",
    "description": "Delays of 336,776 flights",
    "tags": ["flights", "nightly"],
    "status": "running",
    "revision": 1,
    "parallelism": 4,
    "pool": "headgate",
    "parameters": {"type": "object", "properties": {"month": {"type": "integer", "minimum": 1, "maximum": 12}}},
    "stages": [
        {
            "name": "certify",
            "kind": "external",
            "needs": ["publish"],
            "timeout": 86400.0,
            "allow_failure": False,
            "when": "completed",
            "status": "waiting",
        }
    ],
    "created_at": "2026-11-23T09:00:00Z",
    "updated_at": "2026-11-23T09:00:00Z",
    "links": {
        "self": "/pipelines/1",
        "stages": "/pipelines/1/stages",
        "runs": "/pipelines/1/runs",
        "trigger": "/trigger/1",
        "page": "/ui/pipelines/1",
    },
}
STAGE: dict[str, Any] = {
    "name": "extract",
    "kind": "python",
    "needs": [],
    "status": "completed",
    "reason": None,
    "attempt": 1,
    "started_at": "2026-11-23T09:00:00.012Z",
    "finished_at": "2026-11-23T09:00:02.400Z",
    "records_processed": 336776,
    "error_message": None,
    "output": None,
}
TRIGGER: dict[str, Any] = {"parameters": {"month": 6}}
_LINKS = {
    "self": "/runs/7",
    "pipeline": "/pipelines/1",
    "stages": "/runs/7/stages",
    "events": "/runs/7/events",
    "logs": "/runs/7/logs",
    "cancel": "/runs/7/cancel",
    "retry": "/runs/7/retry",
    "page": "/ui/runs/7",
}
TRIGGERED: dict[str, Any] = {"run_id": 7, "number": 3, "pipeline_id": 1, "status": "queued", "links": _LINKS}
RUN: dict[str, Any] = {
    "id": 7,
    "number": 3,
    "pipeline_id": 1,
    "pipeline": "flights",
    "revision": 1,
    "status": "running",
    "why": "extract has been running for 2 s; it usually takes 3 s. publish comes next.",
    "trigger": "api",
    "actor": "mara",
    "repeats": None,
    "parameters": {"month": 6},
    "created_at": "2026-11-23T09:00:00Z",
    "started_at": "2026-11-23T09:00:00.012Z",
    "finished_at": None,
    "records_processed": None,
    "prefect_flow_run_ids": ["5f0c9a3e-6c0e-4b0c-9b43-3a9d1f6f2f10"],
    "links": _LINKS,
}
CANCEL: dict[str, Any] = {"message": "The source file was the wrong one."}
WAITING: dict[str, Any] = {
    "run_id": 7,
    "number": 3,
    "pipeline_id": 1,
    "pipeline": "flights",
    "stage": "publish",
    "reason": "approval",
    "message": "Are the figures right?",
    "approvers": ["mara"],
    "since": "2026-11-23T09:04:11Z",
    "deadline": "2026-11-30T09:04:11Z",
    "links": {"run": "/runs/7", "approve": "/runs/7/stages/publish/approve", "page": "/ui/runs/7"},
}
FAILURE: dict[str, Any] = {
    "fingerprint": "7c1e9a40d2",
    "stage": "load",
    "message": "duplicate key value violates unique constraint",
    "count": 3,
    "first_at": "2026-11-19T02:12:51Z",
    "last_at": "2026-11-23T02:12:51Z",
    "first_run": 212,
    "runs": [302, 300, 297],
}
STAGE_TIMES: dict[str, Any] = {"stage": "load", "median": 31.2, "slow": 44.8, "count": 20}
COMPARISON: dict[str, Any] = {
    "before": 6,
    "after": 7,
    "parameters": [{"path": "month", "before": 5, "after": 6, "missing": None}],
    "definition": [{"path": "stages.load.timeout", "before": 60.0, "after": 120.0, "missing": None}],
    "stages": [{"stage": "load", "status": ["completed", "failed"], "seconds": [31.2, 4.1], "records": [336776, None]}],
    "error": {"stage": "load", "before": None, "after": "no room", "is_alike": False},
}
CONTROLLED: dict[str, Any] = {"run_id": 7, "number": 3, "status": "running", "stages": ["publish"], "applied": True, "links": _LINKS}
RETRY: dict[str, Any] = {"stages": ["publish"], "revision": "same"}
AGAIN: dict[str, Any] = {"parameters": {"month": 7}}
SKIP: dict[str, Any] = {"message": "Published by hand."}
APPROVE: dict[str, Any] = {"comment": "The figures are right.", "fields": {"ticket": "OPS-7"}}
REJECT: dict[str, Any] = {"comment": "June is missing."}
CANCELLED: dict[str, Any] = {"run_id": 7, "number": 3, "status": "running"}
STATUS_UPDATE: dict[str, Any] = {
    "pipeline_id": "flights",
    "stage_name": "certify",
    "status": "completed",
    "records_processed": 336776,
    "reporter": "auditor",
    "event_id": "certify-2026-11-23",
}
ANSWER: dict[str, Any] = {"applied": True, "why": None, "run_id": 7, "seq": 14, "status": "completed"}
BATCH_ITEM: dict[str, Any] = {"http_status": 200, **ANSWER, "problem": None}
EVENT: dict[str, Any] = {
    "run_id": 7,
    "seq": 14,
    "type": "stage.moved",
    "at": "2026-11-23T09:04:11.201Z",
    "stage": "certify",
    "attempt": 1,
    "status": "completed",
    "actor": "auditor",
    "data": {"records_processed": 336776},
    "pipeline_id": 1,
}
EVENT_STREAM = 'id: 14\nevent: stage.moved\ndata: {"run_id":7,"seq":14,"type":"stage.moved","stage":"certify","status":"completed"}\n\n'
LINE: dict[str, Any] = {
    "n": 1,
    "at": "2026-11-23T09:00:00.420Z",
    "stream": "stdout",
    "text": "336776 rows",
    "stage": "extract",
    "attempt": 1,
}
LINE_STREAM = 'id: 1\nevent: line\ndata: {"n":1,"stream":"stdout","text":"336776 rows"}\n\n'
LIVE: dict[str, Any] = {"status": "alive"}
READY: dict[str, Any] = {"status": "ready", "database": "up", "prefect": "up", "workers": {"count": 1, "slots": 4, "free": 4}}


def _problem(status: int, kind: str, title: str, detail: str, **more: Any) -> dict[str, Any]:
    head = {"type": f"urn:headgate:problem:{kind}", "title": title, "status": status, "detail": detail, "problem": kind}
    return {**head, "request_id": "0f5c6a9d2b7e4f5c", **more}


PROBLEMS: dict[int, dict[str, Any]] = {
    401: _problem(401, "unauthorized", "Unauthorized", "This token was not made here, or has been altered."),
    403: _problem(403, "foreign_origin", "Another site's request", "This request comes from a web page of another site."),
    404: _problem(404, "not_found", "Not found", "There is no run 99."),
    409: _problem(
        409,
        "late_report",
        "Too late",
        "certify is completed, which is final; the report that it failed is kept in the history.",
        run_id=7,
        seq=15,
        state="completed",
    ),
    412: _problem(412, "stale", "Changed meanwhile", "flights is at revision 3 by now; look at it again before changing it."),
    413: _problem(413, "too_large", "Too large", "A body is at most 1 MiB."),
    415: _problem(
        415, "unsupported_media_type", "Unsupported media type", "A body is JSON, or a form: send Content-Type: application/json."
    ),
    422: _problem(
        422,
        "invalid",
        "Invalid input",
        "stages[0].timeout: is a number of seconds, above 0, up to a year",
        errors=[{"field": "stages[0].timeout", "message": "is a number of seconds, above 0, up to a year"}],
    ),
    429: _problem(429, "rate_limited", "Too many requests", "More than 100 requests in 1 s; ask again in 1 s."),
    503: _problem(503, "unavailable", "Try again shortly", "The database does not answer."),
    507: _problem(
        507,
        "disk_low",
        "Disk almost full",
        "The disk of Headgate's home has 120 MiB left; no run is taken below 512 MiB. Reports are still taken.",
    ),
}
