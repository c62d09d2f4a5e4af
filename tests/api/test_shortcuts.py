"""The short way to a route answers as the long one does, to the header."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from entrypoints.api import app
from tests.api.house import House
from tests.api.worker_hands import carry

Ask = tuple[str, str, dict[str, str], bytes]


def report(body: Any, /, path: str = "/status-update/", **headers: str) -> Ask:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return "POST", path, {name.replace("_", "-"): value for name, value in headers.items()}, content


def batch(body: Any, /, **headers: str) -> Ask:
    return report(body, path="/status-update/batch", **headers)


def asks(token: str, worker: str) -> list[Ask]:
    running = {"pipeline_id": "ext", "stage_name": "a", "status": "running"}
    told = [
        report(running),
        report(running),
        report({**running, "records_processed": 5}),
        report({**running, "status": "success", "event_id": "e1"}),
        report({**running, "status": "success", "event_id": "e1"}),
        report({**running, "status": "failed", "event_id": "e1"}),
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
    told += [
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
            "/worker/bursts/2/1/advance",
            "/worker/bursts/2/7/advance/",
            "/worker/bursts/0/1/advance",
            "/worker/bursts/x/1/advance",
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
    listed = [
        ("GET", f"{path}{query}", {}, b"") for path in ("/pipelines", "/runs") for query in ("/", "", "/?limit=1", "/?limit=x", "/?skip=1")
    ]
    others = [("HEAD", "/pipelines/", {}, b""), ("OPTIONS", "/status-update/", {}, b""), ("GET", "/status-update/", {}, b"")]
    others += [(method, f"/livez{rest}", {}, b"") for method in ("GET", "HEAD", "POST") for rest in ("", "/", "?a=1")]
    return [*told, *steps, *triggers, *listed, *others]


async def told(house: House) -> list[tuple[Any, ...]]:
    await house.create("ext", {"name": "a", "kind": "external"}, {"name": "b", "kind": "external"})
    await house.create("work", {"name": "w", "command": ["true"]})
    await house.trigger("ext")
    await house.trigger("work")
    token = (await carry(house))["starts"][0]["token"]
    answers: list[httpx.Response] = []
    for method, path, headers, content in asks(token, house.fakes.tokens.for_worker()):
        answers.append(await house.client.request(method, path, headers=headers, content=content))
    listed = await house.client.get("/pipelines/")
    answers.append(await house.client.get("/pipelines/", headers={"If-None-Match": listed.headers["etag"]}))
    return [_seen(answer) for answer in answers]


def _seen(answer: httpx.Response) -> tuple[Any, ...]:
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in ("x-request-id", "content-length"))
    is_json = "json" in answer.headers.get("content-type", "") and answer.content
    body = {**answer.json(), "request_id": ""} if is_json and isinstance(answer.json(), dict) else answer.content
    return answer.request.method, str(answer.request.url), answer.status_code, headers, body


async def test_the_short_way_answers_as_the_long_way_does(monkeypatch: pytest.MonkeyPatch) -> None:
    assert app.SHORTCUTS
    short = House()
    monkeypatch.setattr(app, "SHORTCUTS", ())
    long = House()

    async with short.client, long.client:
        ours, theirs = await told(short), await told(long)

    assert {answer[2] for answer in ours} >= {200, 202, 304, 401, 403, 404, 405, 409, 413, 421, 422}
    _same(ours, theirs)


def _same(ours: Sequence[Any], theirs: Sequence[Any]) -> None:
    for our, their in zip(ours, theirs, strict=True):
        assert our == their
