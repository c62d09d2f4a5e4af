"""Requests of every kind get the same answer with telemetry on and off, to the header."""

import json
from typing import Any

import httpx

from tests.support.in_process import InProcessHeadgate
from tests.support.worker_requests import claim_dispatch

Request = tuple[str, str, dict[str, str], bytes]


def report(body: Any, /, path: str = "/status-update/", **headers: str) -> Request:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return "POST", path, {name.replace("_", "-"): value for name, value in headers.items()}, content


def batch(body: Any, /, **headers: str) -> Request:
    return report(body, path="/status-update/batch", **headers)


def make_requests(token: str, worker: str) -> list[Request]:
    running = {"pipeline_id": "ext", "stage_name": "a", "status": "running"}
    reports = [
        report(running),
        report(running),
        report({**running, "records_processed": 5}),
        report({**running, "status": "success", "event_id": "e1"}),
        report({**running, "status": "success", "event_id": "e1"}),
        report({**running, "status": "failed", "event_id": "e1"}),
        report({**running, "status": "failed", "run_id": 1}),
        report({**running, "status": "failed"}),
        report({**running, "stage_name": "b", "message": "x"}, Idempotency_Key="k1"),
        report({**running, "stage_name": "b", "message": "x"}, Idempotency_Key="k1"),
        report(running, Idempotency_Key="no good"),
        report({**running, "event_id": "e2"}, Idempotency_Key="k2"),
        report({"stage_name": "a", "status": "running"}),
        report({"status": "running", "run_id": 2}, Authorization=f"Bearer {token}"),
        report({"status": "running", "records_processed": 3}, Authorization=f"Bearer {token}"),
        report(running, Authorization=f"Bearer {worker}"),
        report(running, Authorization="Bearer made-up"),
        report(running, Authorization="Basic eDp5"),
        report(running, Sec_Fetch_Site="cross-site"),
        report(running, Host="elsewhere.example"),
        report(running, Accept="text/html"),
        report({**running, "run_id": 2**63}),
        report({**running, "status": "paused", "typo": 1, "records_processed": -1}),
        report({"pipeline_id": "nobody", "status": "running"}),
        report({**running, "run_id": 77}),
        report(b"{"),
        report(b"[]"),
        report(b"\xff"),
        report(b'{"pipeline_id": "ext", "status": "running", "output": NaN}'),
        report(b'{"pipeline_id": "ext", "status": "running", "message": "\\u0000"}'),
        report(b"x" * (2 << 20)),
        report(b""),
    ]
    reports += [
        batch({"updates": [running, {**running, "stage_name": "nowhere"}, {"typo": 1}, {**running, "output": [1, {"a": 2}]}]}),
        batch({"updates": [{**running, "message": "once"}]}, Idempotency_Key="k3"),
        batch({"updates": [{**running, "message": "once"}]}, Idempotency_Key="k3"),
        batch({"updates": [{**running, "message": "twice"}]}, Idempotency_Key="k3"),
        batch({"updates": []}),
        batch({"updates": [running] * 1_001}),
        batch({"updates": running, "typo": 1}),
        batch({"updates": [running]}, Authorization=f"Bearer {worker}"),
        batch(b'{"updates": [{"pipeline_id": "ext", "status": "running", "output": 1e999}, 3]}'),
        batch(b"{"),
    ]
    nobody = {"worker_id": "w", "free": 1, "capacity": 1}
    steps = [
        ("POST", path, headers, json.dumps(body).encode())
        for path in (
            "/worker/dispatches/2/1/advance",
            "/worker/dispatches/2/7/advance/",
            "/worker/dispatches/0/1/advance",
            "/worker/dispatches/x/1/advance",
        )
        for headers in ({}, {"Authorization": f"Bearer {token}"}, {"Authorization": f"Bearer {worker}"})
        for body in (nobody, {**nobody, "reports": [{"event_id": "e", "stage": "w", "attempt": 1, "status": "completed"}]}, {"typo": 1}, [])
    ]
    triggers = [
        ("POST", path, headers, content)
        for path in (
            "/trigger/ext",
            "/trigger/ext/",
            "/trigger/1",
            "/trigger/nobody",
            "/trigger/no%20name",
            "/trigger/99999999999999999999",
        )
        for headers in ({}, {"Idempotency-Key": "t1"}, {"Idempotency-Key": "t 1"})
        for content in (b"", b'{"parameters": {"a": 1}}', b'{"parameters": 1}', b"{")
    ]
    lists = [
        ("GET", f"{path}{query}", {}, b"") for path in ("/pipelines", "/runs") for query in ("/", "", "/?limit=1", "/?limit=x", "/?skip=1")
    ]
    others = [("HEAD", "/pipelines/", {}, b""), ("OPTIONS", "/status-update/", {}, b""), ("GET", "/status-update/", {}, b"")]
    others += [(method, f"/livez{rest}", {}, b"") for method in ("GET", "HEAD", "POST") for rest in ("", "/", "?a=1")]
    return [*reports, *steps, *triggers, *lists, *others]


async def send_requests(headgate: InProcessHeadgate) -> list[tuple[Any, ...]]:
    await headgate.api.create_pipeline("ext", {"name": "a", "kind": "external"}, {"name": "b", "kind": "external"})
    await headgate.api.create_pipeline("work", {"name": "w", "command": ["true"]})
    await headgate.api.trigger("ext")
    await headgate.api.trigger("work")
    token = (await claim_dispatch(headgate))["starts"][0]["token"]
    answers: list[httpx.Response] = []
    for method, path, headers, content in make_requests(token, headgate.fakes.tokens.issue_worker_token()):
        answers.append(await headgate.client.request(method, path, headers=headers, content=content))
    first = await headgate.client.get("/pipelines/")
    answers.append(await headgate.client.get("/pipelines/", headers={"If-None-Match": first.headers["etag"]}))
    return [describe(answer) for answer in answers]


def describe(answer: httpx.Response) -> tuple[Any, ...]:
    """Return everything about an answer but the identifier of its request."""
    headers = sorted((name, value) for name, value in answer.headers.items() if name != "x-request-id")
    body = answer.content.replace(answer.headers["x-request-id"].encode(), b"-")
    return answer.request.method, str(answer.request.url), answer.status_code, headers, body


async def test_every_kind_of_request_gets_the_same_answer_with_telemetry_on_and_off() -> None:
    off, on = InProcessHeadgate(), InProcessHeadgate(is_observed=True)

    without, with_telemetry = await send_requests(off), await send_requests(on)

    assert {answer[2] for answer in without} >= {200, 202, 304, 401, 403, 404, 405, 409, 413, 421, 422}
    assert len(without) > 180
    for ours, theirs in zip(without, with_telemetry, strict=True):
        assert ours == theirs
