"""Every route with HEAD, OPTIONS and wrong methods, with and without its slash, with telemetry on and off."""

import re
from collections.abc import Mapping
from typing import Any, Final

import httpx
import pytest

from entrypoints.api.routers import PLAIN_ROUTES
from entrypoints.api.routers import ROUTERS as API
from entrypoints.web.router import ROUTERS as PAGES
from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate

METHODS: Final = ("DELETE", "GET", "PATCH", "POST", "PUT")
PARAMETERS: Final = {
    "pipeline_id": "flights",
    "ref": "flights",
    "stage": "certify",
    "name": "frame.css",
    "file": "frame.css",
    "asset": "start.js",
}
"""Values of path parameters; every other one is 1."""
VARYING_HEADERS: Final = {"x-request-id", "date"}
UNKNOWN_LENGTH: Final = {"/audit/export", "/ui/runs/{run_id}/log.txt"}
"""Files that are written while they are read from the store."""
RULES: Final = InProcessHeadgate().app.state.routes.rules
"""The access rules of every route, by method and path."""
PATHS: Final = sorted({path for _, path in RULES})
READ_PATHS: Final = sorted({path for method, path in RULES if method == "GET"})


@pytest.fixture(autouse=True)
def _one_key_for_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every bulk form the same key: a random one differs at each request, and so does its compressed length."""
    monkeypatch.setattr("entrypoints.web.pages.runs.bulk_actions.token_hex", lambda size: "0" * 2 * size)


def fill(path: str) -> str:
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: PARAMETERS.get(found[1], "1"), path)


def with_other_slash(path: str) -> str:
    return path[:-1] if path.endswith("/") else f"{path}/"


def is_stream(path: str) -> bool:
    return "/live/" in path or path.endswith(("/events/", "/worker/stream", "/stream"))


def allowed_methods(path: str) -> set[str]:
    def to_pattern(path: str) -> str:
        return re.sub(r"{\w+}", "[^/]+", re.sub(r"{\w+:path}", ".+", path))

    return {method for method, listed in RULES if re.fullmatch(to_pattern(listed), fill(path))}


def stable_headers(answer: httpx.Response) -> Mapping[str, str]:
    """Return the headers without those that differ between two requests, and without the time at which a cookie expires."""
    return {name: re.sub("expires=[^;]*", "expires=…", value) for name, value in answer.headers.items() if name not in VARYING_HEADERS}


def stable_body(answer: httpx.Response) -> bytes:
    """Return the body without the identifier of the request."""
    return answer.content.replace(answer.headers["x-request-id"].encode(), b"-")


def test_the_application_has_the_routes_of_the_routers_themselves() -> None:
    """A copy of each route would be built while the first request waits."""
    served = {id(route) for route in InProcessHeadgate().app.routes}

    assert [route for router in (*API, *PAGES) for route in router.routes if id(route) not in served] == []


def describe(answer: httpx.Response) -> tuple[Any, ...]:
    return answer.status_code, stable_headers(answer), stable_body(answer)


async def make_headgate(is_observed: bool) -> InProcessHeadgate:
    """Return a Headgate in which pipeline `flights` and its run 1 exist."""
    headgate = InProcessHeadgate(is_observed=is_observed)
    await headgate.start_change_feed()
    await headgate.api.create_pipeline()
    await headgate.api.trigger()
    return headgate


@pytest.fixture(params=[False, True], ids=["telemetry off", "telemetry on"])
async def headgate(request: pytest.FixtureRequest) -> InProcessHeadgate:
    return await make_headgate(request.param)


def headers_for(headgate: InProcessHeadgate, path: str) -> dict[str, str]:
    return headgate.api.worker_headers if path.startswith("/worker/") else {}


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_head_answers_like_get_without_the_body(headgate: InProcessHeadgate, accept: str) -> None:
    for path in (path for path in READ_PATHS if not is_stream(path)):
        url, headers = fill(path), {"Accept": accept, "Accept-Encoding": "identity", **headers_for(headgate, path)}

        get, head = await headgate.client.get(url, headers=headers), await headgate.client.head(url, headers=headers)

        assert head.status_code == get.status_code, path
        assert stable_headers(head) == stable_headers(get), path
        assert head.content == b"", path
        if path not in UNKNOWN_LENGTH:
            assert int(get.headers["content-length"]) == len(get.content), path


@pytest.mark.parametrize("path", ["/", "/pipelines/", "/ui/runs", "/favicon.ico"])
async def test_head_answers_like_get_when_the_body_is_compressed(headgate: InProcessHeadgate, path: str) -> None:
    headers = {"Accept": "text/html", "Accept-Encoding": "gzip"}

    get, head = await headgate.client.get(path, headers=headers), await headgate.client.head(path, headers=headers)

    assert stable_headers(head) == stable_headers(get)
    assert head.content == b""


@pytest.mark.parametrize("path", [path for path in READ_PATHS if is_stream(path)])
async def test_head_of_a_stream_answers_like_get_and_ends(headgate: InProcessHeadgate, path: str) -> None:
    query = "worker_id=w&name=w&pool=headgate&slots=1" if path == "/worker/stream" else ""
    headers = {"Accept": "text/event-stream", **headers_for(headgate, path)}
    async with open_stream(headgate, fill(path), headers, query) as stream:
        await stream.wait_for_start()

    head = await headgate.client.head(f"{fill(path)}?{query}", headers=headers)

    assert head.status_code == stream.status
    assert stable_headers(head) == {name: value for name, value in stream.headers.items() if name not in VARYING_HEADERS}
    assert head.content == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_trailing_slash_makes_no_difference(headgate: InProcessHeadgate, method: str) -> None:
    for path in (path for path in READ_PATHS if not is_stream(path) and path != "/"):
        headers = headers_for(headgate, path)

        exact = await headgate.client.request(method, fill(path), headers=headers)
        other = await headgate.client.request(method, with_other_slash(fill(path)), headers=headers)

        assert describe(other) == describe(exact), path


async def test_options_and_wrong_methods_name_the_allowed_ones(headgate: InProcessHeadgate) -> None:
    for path in PATHS:
        allowed = allowed_methods(path)
        expected = ", ".join(sorted(allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())))
        for url in {fill(path), with_other_slash(fill(path))} - {""}:
            await assert_only_these_methods(headgate, path, url, allowed, expected)


async def assert_only_these_methods(headgate: InProcessHeadgate, path: str, url: str, allowed: set[str], expected: str) -> None:
    """Assert what OPTIONS and every other method answer. `expected` is the Allow header."""
    headers = headers_for(headgate, path)
    options = await headgate.client.options(url, headers=headers)
    assert (options.status_code, options.headers["allow"], options.content) == (204, expected, b""), url
    for method in set(METHODS) - allowed:
        refused = await headgate.client.request(method, url, headers=headers)
        assert (refused.status_code, refused.headers["allow"]) == (405, expected), (method, url)
        assert refused.json()["problem"] == "method_not_allowed"
    if "GET" not in allowed:
        refused = await headgate.client.head(url, headers=headers)
        assert (refused.status_code, refused.headers["allow"], refused.content) == (405, expected, b""), url


async def test_answers_are_the_same_with_telemetry_on_and_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for cache in ("live.waiting_count", "run_context_cache"):  # else a cached value may expire between the two answers
        monkeypatch.setattr(f"entrypoints.web.{cache}.monotonic", lambda: 0.0)
    off, on = await make_headgate(False), await make_headgate(True)

    for method in (*METHODS, "HEAD", "OPTIONS"):
        for path in PATHS:
            if is_stream(path):
                continue
            for url in (fill(path), with_other_slash(fill(path)) or "/"):
                headers, content = headers_for(off, path), None if method in ("GET", "HEAD", "OPTIONS") else b"{}"
                ours, theirs = [await each.client.request(method, url, headers=headers, content=content) for each in (off, on)]
                assert describe(ours) == describe(theirs), (method, url)


def test_the_walk_covers_the_application() -> None:
    routes: list[Any] = [*PLAIN_ROUTES, *(route for router in (*API, *PAGES) for route in router.routes)]
    assert set(RULES) == {(method, route.path) for route in routes for method in route.methods - {"HEAD"}}
    assert len(PATHS) > 60
    assert sum(map(is_stream, READ_PATHS)) > 5
