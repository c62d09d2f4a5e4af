"""Values that PostgreSQL cannot store, on every route that takes values: no failure, no lost report, and a sentence about the change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from adapters.identity.hmac_tokens import HmacTokens
from adapters.persistence.embedded.server import EmbeddedPostgres
from entrypoints.worker_protocol.messages import PROTOCOL_HEADER, PROTOCOL_VERSION
from tests.support.plain_http import NO_TLS
from tests.support.web_process import WebProcess, a_web

SECRET: Final = "a secret of this test, which is long enough"
JSON: Final = {"Content-Type": "application/json"}
STAGES: Final = [{"name": name, "kind": "external", "needs": []} for name in "abc"]
FIELDS: Final = {"type": "object", "properties": {"text": {"type": "string"}, "any": {}, "json": {"type": ["array", "object", "number"]}}}
VALUES: Final = {
    "NUL": rb'"a\u0000b"',
    "first half of a pair": rb'"\ud800"',
    "second half of a pair": rb'"x\udc00y"',
    "pair in the wrong order": rb'"\udc00\ud800"',
    "NUL in a list": rb'[1, ["\u0000"]]',
    "NUL in a key": rb'{"a\u0000": 1}',
    "half of a pair in a key": rb'{"\udfff": 1}',
    "keys that become the same": rb'{"\u0000": 1, "\ud800": 2}',
    "NaN": b"NaN",
    "Infinity": b"[Infinity]",
    "minus Infinity": b'{"low": -Infinity}',
    "more than a double": b"1e999",
    "64 bits": b"9223372036854775808",
    "minus 64 bits": b'{"id": -9223372036854775809}',
    "5,000 digits": b"7" * 5_000,
    "minus 5,000 digits": b'{"n": -' + b"7" * 5_000 + b"}",
    "66 levels of lists": b"[" * 66 + b"]" * 66,
    "150 levels of objects": b'{"a":' * 150 + b"1" + b"}" * 150,
    "900 levels": b"[" * 900 + b"]" * 900,
    "5,000 levels": b'{"a":[' * 2_500 + b"]}" * 2_500,
    "100,000 levels": b"[" * 100_000 + b"]" * 100_000,
    "bytes of Latin-1": b'"caf\xe9"',
    "bytes of no encoding": b'["\xff\xfe\x80"]',
}
"""Values that cannot be stored, as JSON."""
STORABLE: Final = {
    "text of 900,000 characters": b'"' + b"x" * 900_000 + b'"',
    "characters of four bytes": json.dumps("\U0001f600" * 20_000).encode(),
    "key of 5,000 characters": b'{"' + b"k" * 5_000 + b'": 1}',
    "empty key": b'{"": 1}',
    "3,000 keys": json.dumps({f"k{n}": n for n in range(3_000)}).encode(),
    "largest and smallest numbers": b"[9223372036854775807, -9223372036854775808, 1.7976931348623157e308, 5e-324, -0.0]",
    "escaped text": rb'"\u00e9\ud83d\ude00\\u0000\u0001\u007f"',
    "40 levels": b"[" * 40 + b"]" * 40,
}
CASES: Final = [pytest.param(value, id=name) for name, value in VALUES.items()]
ALL_CASES: Final = [pytest.param(value, id=name) for name, value in {**VALUES, **STORABLE}.items()]


@pytest.fixture(scope="module")
def web(postgres: EmbeddedPostgres) -> Iterator[WebProcess]:
    with a_web(postgres, HEADGATE_SECRET=SECRET) as web:
        yield web
        assert [line[-2_000:] for line in web.log.read_text().splitlines() if "Traceback" in line] == []


@pytest.fixture(scope="module")
def client(web: WebProcess) -> Iterator[httpx.Client]:
    approval = {"name": "approval", "kind": "approval", "needs": [], "fields": FIELDS}
    work = [{"name": name, "command": ["true"], "needs": []} for name in "abc"]
    with httpx.Client(base_url=web.url, timeout=60, headers={"Origin": web.url}, verify=NO_TLS) as client:
        client.post("/pipelines/", json={"name": "p", "stages": [*STAGES, approval], "parameters": FIELDS}).raise_for_status()
        client.post("/pipelines/", json={"name": "work", "stages": work, "pool": "headgate"}).raise_for_status()
        yield client


@pytest.fixture
def run_id(client: httpx.Client) -> int:
    return trigger(client, "p")


def trigger(client: httpx.Client, pipeline: str) -> int:
    return int(client.post(f"/trigger/{pipeline}").raise_for_status().json()["run_id"])


def send(client: httpx.Client, url: str, body: bytes) -> httpx.Response:
    return client.post(url, content=body, headers=JSON)


def a_report(run_id: int, stage: str, **more: Any) -> bytes:
    return json.dumps({"run_id": run_id, "stage_name": stage, "status": "failed", **more}).encode()


def with_value(report: bytes, name: bytes, value: bytes) -> bytes:
    """Return the JSON object with one more member."""
    return report[:-1] + b', "' + name + b'": ' + value + b"}"


def get_stages(client: httpx.Client, run_id: int) -> dict[str, Any]:
    return {stage["name"]: stage for stage in client.get(f"/runs/{run_id}/stages").raise_for_status().json()}


def get_messages(client: httpx.Client, run_id: int) -> list[str]:
    return [event["data"].get("message", "") for event in client.get(f"/runs/{run_id}/events").raise_for_status().json()]


def assert_readable(client: httpx.Client, run_id: int) -> None:
    """Every page and list that shows the run can be sent."""
    for url in (f"/runs/{run_id}", f"/ui/runs/{run_id}", f"/ui/runs/{run_id}?stage=b", "/ui/runs", "/runs/?limit=5"):
        assert client.get(url).status_code == 200, url


@pytest.mark.parametrize("value", ALL_CASES)
def test_a_failure_is_stored_whatever_its_output_is(client: httpx.Client, run_id: int, value: bytes) -> None:
    answer = send(client, "/status-update/", with_value(a_report(run_id, "b", error_message="no rows"), b"output", value))

    assert (answer.status_code, answer.json()["applied"]) == (200, True)
    stage = get_stages(client, run_id)["b"]
    assert (stage["status"], stage["error_message"]) == ("failed", "no rows")
    notes = [message for message in get_messages(client, run_id) if message.startswith("Not stored as reported: ")]
    assert len(notes) == (value in VALUES.values())
    assert_readable(client, run_id)


@pytest.mark.parametrize("value", ALL_CASES)
def test_a_report_never_costs_the_others_of_its_batch(client: httpx.Client, run_id: int, value: bytes) -> None:
    items = [a_report(run_id, "a"), with_value(a_report(run_id, "b"), b"output", value), value, a_report(run_id, "c")]

    answer = send(client, "/status-update/batch", b'{"updates": [' + b", ".join(item for item in items if len(item) < 400_000) + b"]}")

    statuses = [item["http_status"] for item in answer.json()]
    assert statuses[0] == statuses[-1] == 200
    stages = get_stages(client, run_id)
    assert (stages["a"]["status"], stages["c"]["status"]) == ("failed", "failed")


@pytest.mark.parametrize("value", ALL_CASES)
def test_a_workers_report_never_costs_the_others_of_its_step(client: httpx.Client, value: bytes) -> None:
    headers = {"Authorization": f"Bearer {HmacTokens(SECRET.encode()).issue_worker_token()}", PROTOCOL_HEADER: str(PROTOCOL_VERSION)}
    run_id = trigger(client, "work")
    claim = client.post(f"/worker/dispatches/{run_id}/1/claim", json={"worker_id": "w", "capacity": 3}, headers=headers)
    assert claim.status_code == 200, claim.text
    event = b'{"event_id": "%s", "stage": "%s", "attempt": 1, "status": "completed"}'
    reports = [event % (b"a", b"a"), with_value(event % (b"b", b"b"), b"output", value), event % (b"c", b"c")]
    body = b'{"worker_id": "w", "capacity": 3, "reports": [' + b", ".join(reports) + b"]}"

    answer = client.post(f"/worker/dispatches/{run_id}/1/advance", content=body, headers=headers)

    assert answer.status_code == 200, answer.text
    assert [stage["status"] for stage in get_stages(client, run_id).values()] == ["completed"] * 3
    assert_readable(client, run_id)


@pytest.mark.parametrize("field", [b"error_message", b"message", b"reporter"])
@pytest.mark.parametrize("value", [case for case in ALL_CASES if case.values[0].startswith(b'"')])  # type: ignore[attr-defined]
def test_a_failure_is_stored_whatever_its_texts_are(client: httpx.Client, run_id: int, field: bytes, value: bytes) -> None:
    answer = send(client, "/status-update/", with_value(a_report(run_id, "b"), field, value))

    assert (answer.status_code, answer.json()["applied"]) == (200, True)
    assert get_stages(client, run_id)["b"]["status"] == "failed"
    assert_readable(client, run_id)


@pytest.mark.parametrize("field", [b"event_id", b"stage_name", b"pipeline_id", b"seq", b"records_processed", b"reported_at", b"attempt"])
@pytest.mark.parametrize("value", CASES)
def test_a_name_or_number_that_cannot_be_stored_is_named(client: httpx.Client, run_id: int, field: bytes, value: bytes) -> None:
    answer = send(client, "/status-update/", with_value(a_report(run_id, "b"), field, value))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith((field.decode(), "body"))


@pytest.mark.parametrize("value", CASES)
@pytest.mark.parametrize("route", ["/trigger/p", "/runs/{run_id}/again", "/runs/{run_id}/stages/approval/approve"])
def test_parameters_that_cannot_be_stored_are_refused_by_the_api(client: httpx.Client, run_id: int, route: str, value: bytes) -> None:
    name = b"fields" if route.endswith("approve") else b"parameters"

    answer = send(client, route.format(run_id=run_id), b'{"' + name + b'": {"any": ' + value + b"}}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"].startswith((f"{name.decode()}.any", "body"))


@pytest.mark.parametrize("value", CASES)
@pytest.mark.parametrize(
    "route",
    ["/ui/pipelines/p/trigger", "/ui/runs/{run_id}/again", "/ui/runs/{run_id}/stages/approval/decide"],
    ids=["trigger", "again", "decide"],
)
def test_parameters_that_cannot_be_stored_are_refused_by_the_form(client: httpx.Client, run_id: int, route: str, value: bytes) -> None:
    name = "any" if value.startswith(b'"') else "json"  # a field of any type takes what is not JSON as text
    body = f"form=1&decision=approve&p.{name}={quote(value)}"

    answer = client.post(route.format(run_id=run_id), content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert answer.status_code == 422
    assert client.get(f"/runs/{run_id}/stages").json()[-1]["status"] == "waiting"


@pytest.mark.parametrize("route", ["/ui/pipelines/p/trigger", "/ui/runs/{run_id}/again", "/ui/runs/{run_id}/stages/approval/decide"])
@pytest.mark.parametrize("text", ["a%00b", "%00", "caf%E9", "%ED%A0%80", "%FF"])
def test_characters_that_cannot_be_stored_are_refused_by_the_form(client: httpx.Client, run_id: int, route: str, text: str) -> None:
    body = f"form=1&decision=approve&p.text={text}"

    answer = client.post(route.format(run_id=run_id), content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert answer.status_code == 422
    assert "NUL character" in answer.text or "UTF-8" in answer.text


@pytest.mark.parametrize("value", CASES)
@pytest.mark.parametrize(
    "member",
    [
        b'"description": %s',
        b'"tags": [%s]',
        b'"parameters": {"properties": {"a": {"default": %s}}}',
        b'"parameters": {"properties": {"a": {"description": %s}}}',
        b'"stages": [{"name": "a", "command": ["echo", %s]}]',
        b'"stages": [{"name": "a", "command": ["true"], "env": {"A": %s}}]',
        b'"stages": [{"name": "a", "command": ["true"], "workdir": %s}]',
        b'"stages": [{"name": "a", "kind": "http", "url": "http://x.example/", "body": %s}]',
        b'"stages": [{"name": "a", "kind": "approval", "fields": {"properties": {"a": {"default": %s}}}}]',
    ],
)
def test_a_definition_that_cannot_be_stored_is_refused_when_it_is_saved(client: httpx.Client, member: bytes, value: bytes) -> None:
    stages = b"" if member.startswith(b'"stages"') else b', "stages": [{"name": "a", "kind": "external"}]'

    answer = send(client, "/pipelines/", b'{"name": "refused", ' + member.replace(b"%s", value) + stages + b"}")

    assert answer.status_code == 422
    assert client.get("/pipelines/refused").status_code == 404
