"""A trailing slash makes no difference, and HEAD and OPTIONS are answered on every path."""

import pytest

from tests.support.in_process import InProcessHeadgate

READS = [
    "/pipelines/",
    "/pipelines/1",
    "/pipelines/flights",
    "/pipelines/flights/stages",
    "/pipelines/1/runs",
    "/runs/",
    "/runs/1",
    "/runs/1/stages",
    "/runs/1/events",
    "/runs/1/logs",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/docs/swagger-ui.css",
    "/docs/swagger-ui-bundle.js",
    "/docs/start.js",
    "/docs/openapi-3.0.json",
]


@pytest.mark.parametrize("path", READS)
async def test_a_trailing_slash_makes_no_difference_to_a_get(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.trigger()

    exact = await headgate.client.get(path)
    other = await headgate.client.get(path.rstrip("/") if path.endswith("/") else path + "/")

    assert exact.status_code == other.status_code == 200
    assert exact.content == other.content


@pytest.mark.parametrize("path", READS)
async def test_head_returns_the_headers_of_get(headgate: InProcessHeadgate, path: str) -> None:
    await headgate.api.create_pipeline()
    await headgate.api.trigger()

    get, head = await headgate.client.get(path), await headgate.client.head(path)

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_head_of_a_stream_ends(headgate: InProcessHeadgate) -> None:
    answer = await headgate.client.head("/events/", headers={"Accept": "text/event-stream"})

    assert (answer.status_code, answer.content) == (200, b"")
    assert headgate.hub.viewer_count == 0


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/pipelines", "GET, HEAD, OPTIONS, POST"),
        ("/pipelines/x/", "DELETE, GET, HEAD, OPTIONS, PUT"),
        ("/trigger/x", "OPTIONS, POST"),
        ("/status-update/batch", "OPTIONS, POST"),
        ("/livez", "GET, HEAD, OPTIONS"),
    ],
)
async def test_options_and_405_name_the_allowed_methods(headgate: InProcessHeadgate, path: str, allowed: str) -> None:
    options, refused = await headgate.client.options(path), await headgate.client.patch(path)

    assert (options.status_code, options.headers["allow"]) == (204, allowed)
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
    assert refused.json()["problem"] == "method_not_allowed"


async def test_an_unknown_path_is_a_problem(headgate: InProcessHeadgate) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = await headgate.client.request(method, "/nope/")

        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_post_without_its_slash_is_not_redirected(headgate: InProcessHeadgate) -> None:
    body = {"name": "flights", "stages": [{"name": "a", "kind": "external"}]}

    created = await headgate.client.post("/pipelines", json=body)
    triggered = await headgate.client.post("/trigger/flights/")
    reported = await headgate.client.post("/status-update", json={"pipeline_id": 1, "stage_name": "a", "status": "running"})

    assert (created.status_code, created.headers["location"]) == (201, "/pipelines/1")
    assert (triggered.status_code, triggered.headers["location"]) == (202, "/runs/1")
    assert reported.json() == {"applied": True, "why": None, "run_id": 1, "seq": 4, "status": "running"}
