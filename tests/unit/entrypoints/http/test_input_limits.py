"""Every input has a limit. Beyond it the request is refused with a sentence, never with a 500."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from entrypoints.http.middleware.head_limit import MAX_HEADERS, MAX_HEADERS_BYTES, MAX_URL_BYTES
from entrypoints.http.strict_json import MAX_DEPTH
from tests.support.in_process import InProcessHeadgate

EXTERNAL = {"name": "certify", "kind": "external"}
UPDATE = {"pipeline_id": "flights", "stage_name": "certify", "status": "running"}
POSTS = ["/pipelines/", "/trigger/flights", "/status-update/", "/status-update/batch", "/runs/1/cancel", "/runs/1/again", "/runs/1/retry"]
POSTS += [f"/runs/1/stages/certify/{action}" for action in ("approve", "reject", "skip", "cancel", "retry")]

BODILESS = ["/runs/1/stages/certify/retry"]


@pytest.fixture
async def prepared(headgate: InProcessHeadgate) -> InProcessHeadgate:
    await headgate.api.create_pipeline(parameters={"type": "object"})
    await headgate.api.trigger()
    return headgate


def nested(depth: int, opening: str, closing: str, core: str = "1") -> str:
    return opening * depth + core + closing * depth


@pytest.mark.parametrize("path", [path for path in POSTS if path not in BODILESS])
@pytest.mark.parametrize(
    "body",
    [
        nested(MAX_DEPTH + 1, "[", "]"),
        nested(MAX_DEPTH + 1, '{"a":', "}"),
        nested(100_000, "[", "]"),
        nested(100_000, '{"a":', "}"),
        "[" * 1_000_000,
        '{"parameters":' + nested(MAX_DEPTH, "[", "]") + "}",
        '{"parameters": {"n": ' + "9" * 10_000 + "}}",
        '{"parameters": {"n": 1e999}}',
        '{"parameters": {"n": 9223372036854775808}}',
        '{"parameters": {"t": "\\u0000"}}',
        '{"parameters": {"t": "\\ud800"}}',
        '{"parameters": {"t": NaN}}',
    ],
    ids=["lists", "objects", "deep lists", "deep objects", "open lists", "within", "digits", "inf", "bigint", "nul", "surrogate", "nan"],
)
async def test_json_out_of_bounds_is_422_on_every_route(prepared: InProcessHeadgate, path: str, body: str) -> None:
    answer = await prepared.client.post(path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    # The items of a batch are validated one by one, after the batch itself.
    pattern = "" if path.endswith("batch") else "nested deeper|lists and objects|not JSON|finite|64 bits|too long|NUL|surrogate"
    assert re.search(pattern, answer.json()["errors"][0]["message"])


async def test_the_deepest_allowed_json_is_accepted(prepared: InProcessHeadgate) -> None:
    parameters = json.loads('{"a":' + nested(MAX_DEPTH - 3, "[", "]") + "}")

    answer = await prepared.client.post("/trigger/flights", json={"parameters": parameters})

    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("path", POSTS)
async def test_a_body_over_1_mib_is_413_on_every_route(prepared: InProcessHeadgate, path: str) -> None:
    answer = await prepared.client.post(path, content=b'"' + b"x" * (1 << 20) + b'"', headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["problem"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/pipelines/", {"name": "a" * 101, "stages": [EXTERNAL]}, "name"),
        ("/pipelines/", {"name": "p", "description": "d" * 2_001, "stages": [EXTERNAL]}, "description"),
        ("/pipelines/", {"name": "p", "stages": [EXTERNAL | {"name": "s" * 101}]}, "stages[0].name"),
        ("/pipelines/", {"name": "p", "stages": [{"name": f"s{n}", "kind": "external"} for n in range(501)]}, "stages"),
        ("/pipelines/", {"name": "p", "tags": [f"t{n}" for n in range(21)], "stages": [EXTERNAL]}, "tags"),
        ("/status-update/", UPDATE | {"stage_name": "s" * 101}, "stage_name"),
        ("/status-update/", UPDATE | {"event_id": "e" * 201}, "event_id"),
        ("/status-update/batch", {"updates": [UPDATE] * 1_001}, "updates"),
        ("/runs/1/cancel", {"message": "m" * 2_001}, "message"),
        ("/runs/1/retry", {"stages": ["s"] * 501}, "stages"),
        ("/runs/1/stages/certify/approve", {"comment": "c" * 2_001}, "comment"),
        ("/runs/1/stages/certify/skip", {"message": "m" * 2_001}, "message"),
    ],
)
async def test_a_text_or_list_that_is_too_long_is_422_by_its_field(
    prepared: InProcessHeadgate, path: str, body: dict[str, Any], field: str
) -> None:
    answer = await prepared.client.post(path, json=body)

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("field", ["error_message", "message"])
async def test_a_long_text_of_a_report_is_cut_in_its_middle(prepared: InProcessHeadgate, field: str) -> None:
    text = "begin " + "x" * 100_000 + " the reason"

    answer = await prepared.client.post("/status-update/", json=UPDATE | {"status": "failed", field: text})

    assert answer.json()["applied"] is True
    stored = (await prepared.client.get("/runs/1/events")).json()[-2]["data"][field]
    assert stored.startswith("begin xxx")
    assert stored.endswith("xxx the reason")
    assert re.search(r"\n… 34,\d\d\d characters left out …\n", stored)
    assert len(stored) <= 65_536


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({f"X-{n}": "v" for n in range(MAX_HEADERS - 10)}, 200),
        ({f"X-{n}": "v" for n in range(MAX_HEADERS + 1)}, 431),
        ({"X-Long": "v" * (MAX_HEADERS_BYTES - 1_000)}, 200),
        ({"X-Long": "v" * MAX_HEADERS_BYTES}, 431),
        ({"Cookie": "a=" + "v" * MAX_HEADERS_BYTES}, 431),
        ({"Authorization": "Bearer " + "v" * MAX_HEADERS_BYTES}, 431),
        ({"Idempotency-Key": "k" * 201}, 200),
        ({"Last-Event-ID": "9" * 5_000}, 200),
        ({"X-Request-Id": "i" * 5_000}, 200),
        ({"If-None-Match": '"' + "e" * 10_000 + '"'}, 200),
        ({"traceparent": "0" * 5_000}, 200),
    ],
)
async def test_too_many_headers_are_431_and_odd_ones_are_ignored(headgate: InProcessHeadgate, headers: dict[str, str], status: int) -> None:
    answer = await headgate.client.get("/pipelines/", headers=headers)

    assert answer.status_code == status
    assert status == 200 or answer.json()["problem"] == "headers_too_large"


@pytest.mark.parametrize("path", ["/pipelines/?q=", "/runs/", "/pipelines/", "/nope/"])
async def test_a_url_that_is_too_long_is_414(headgate: InProcessHeadgate, path: str) -> None:
    answer = await headgate.client.get(path + "x" * MAX_URL_BYTES)

    assert (answer.status_code, answer.json()["problem"]) == (414, "address_too_long")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "cache_control"),
    [
        ("GET", "/pipelines/", None, 200, "no-cache"),
        ("GET", "/pipelines/1", None, 200, "no-cache"),
        ("GET", "/pipelines/flights/stages", None, 200, "no-cache"),
        ("GET", "/runs/", None, 200, "no-cache"),
        ("GET", "/runs/1", None, 200, "no-cache"),
        ("GET", "/runs/1/events", None, 200, "no-cache"),
        ("GET", "/runs/1/logs", None, 200, "no-cache"),
        ("GET", "/livez", None, 200, "no-store"),
        ("GET", "/readyz", None, 200, "no-store"),
        ("GET", "/openapi.json", None, 200, "no-cache"),
        ("POST", "/trigger/flights", {}, 202, "no-store"),
        ("POST", "/status-update/", UPDATE, 200, "no-store"),
        ("POST", "/status-update/batch", {"updates": [UPDATE]}, 200, "no-store"),
        ("POST", "/pipelines/", {"name": "other", "stages": [EXTERNAL]}, 201, "no-store"),
        ("POST", "/runs/1/cancel", {}, 202, "no-store"),
        ("POST", "/pipelines/", {}, 422, "no-store"),
        ("GET", "/nope", None, 404, "no-store"),
        ("DELETE", "/pipelines/", None, 405, "no-store"),
        ("OPTIONS", "/pipelines/", None, 204, "no-store"),
    ],
)
async def test_no_response_is_cached_unless_its_route_allows_it(
    prepared: InProcessHeadgate, method: str, path: str, body: Any, status: int, cache_control: str
) -> None:
    answer = await prepared.client.request(method, path, json=body)

    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] in (cache_control, "no-store")
