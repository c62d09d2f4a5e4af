"""HTTP as bytes: what is pipelined behind any request is answered in order, or the connection is closed and the response says so."""

from __future__ import annotations

import asyncio
import gzip
import logging
import re
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.support.in_process import InProcessHeadgate
from tests.support.raw_http import RawResponse, RawServer, parse_responses, serving

READ_PATHS: Final = sorted({path for method, path in InProcessHeadgate().app.state.routes.rules if method == "GET"})
PARAMETERS: Final = {"pipeline_id": "flights", "ref": "flights", "stage": "certify", "name": "ui.js"}
JSON: Final = b"Content-Type: application/json\r\n"
ALIVE: Final = b'{"status":"alive"}'


@pytest.fixture
async def headgate() -> InProcessHeadgate:
    """A Headgate in which pipeline `flights` and its run 1 exist."""
    headgate = InProcessHeadgate()
    await headgate.start_change_feed()
    await headgate.api.create_pipeline()
    await headgate.api.trigger()
    return headgate


@pytest.fixture
async def server(headgate: InProcessHeadgate) -> AsyncIterator[RawServer]:
    async with serving(headgate.app) as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_logged(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    yield
    messages = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.WARNING]
    assert set(messages) <= {"Invalid HTTP request received."}


@pytest.fixture(autouse=True)
def _one_key_for_every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every bulk form the same key: a random one differs at each request, and so does its compressed length."""
    monkeypatch.setattr("entrypoints.web.pages.runs.bulk_actions.token_hex", lambda size: "0" * 2 * size)


def fill(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda found: PARAMETERS.get(found[1], "1"), path)


def is_endless(path: str) -> bool:
    return "/live/" in path or path in ("/events/", "/worker/stream")


def probe(server: RawServer, *more: bytes) -> bytes:
    """Return a request that ends the connection."""
    return b"GET /livez HTTP/1.1\r\n" + server.host + b"".join(more) + b"Connection: close\r\n\r\n"


def get_token(headgate: InProcessHeadgate, path: str) -> bytes:
    headers = headgate.api.worker_headers if path.startswith("/worker/") else {}
    return b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items())


def assert_answered(responses: list[RawResponse]) -> None:
    """Assert that the second of two pipelined requests was answered, or that the first response announced that it is not."""
    assert responses[0].headers.get("connection") != "close", responses
    assert [response.body for response in responses[1:]] == [ALIVE]


async def test_a_request_behind_head_is_answered_on_every_route(headgate: InProcessHeadgate, server: RawServer) -> None:
    for path in READ_PATHS:
        more = server.host + get_token(headgate, path) + b"Accept-Encoding: identity\r\n"
        query = "?worker_id=w&name=w&pool=headgate&slots=1" if path == "/worker/stream" else ""
        target = f"{fill(path)}{query}".encode()

        responses = await server.send(b"HEAD " + target + b" HTTP/1.1\r\n" + more + b"\r\n", probe(server), heads=1)

        assert_answered(responses)
        assert "date" in responses[0].headers, path
        if not is_endless(path):
            (get,) = await server.send(b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n" + more + b"\r\n")
            assert (responses[0].status, stable_headers(responses[0])) == (get.status, stable_headers(get)), path


def stable_headers(response: RawResponse) -> dict[str, str]:
    varying = {"date", "x-request-id", "connection", "transfer-encoding"}
    return {name: value for name, value in response.headers.items() if name not in varying}


@pytest.mark.parametrize("connection", [b"", b"Connection: keep-alive\r\n"], ids=["1.0", "1.0 keep-alive"])
async def test_http_1_0_gets_no_chunks_on_any_route(headgate: InProcessHeadgate, server: RawServer, connection: bytes) -> None:
    for path in (path for path in READ_PATHS if not is_endless(path)):
        request = f"GET {fill(path)} HTTP/1.%d\r\n".encode()
        more = connection + server.host + get_token(headgate, path) + b"Accept-Encoding: identity\r\n\r\n"

        (old,) = await server.send(request % 0 + more, probe(server))
        (new, _) = await server.send(request % 1 + more, probe(server))

        assert "transfer-encoding" not in old.headers, path
        assert old.headers["connection"] == "close", path
        assert (old.status, _without_id(old)) == (new.status, _without_id(new)), path


def _without_id(response: RawResponse) -> bytes:
    return response.body.replace(response.headers["x-request-id"].encode(), b"-")


@pytest.mark.parametrize("path", ["/events/", "/runs/1/events", "/ui/live/board", "/ui/live/runs/1"])
async def test_a_stream_to_http_1_0_is_not_chunked(headgate: InProcessHeadgate, server: RawServer, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.0\r\nAccept: text/event-stream\r\n".encode() + server.host + b"\r\n")
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"\n\n")
        headgate.hub.close()
        headgate.page_context.live.close()
        body = await reader.read()
    writer.close()

    assert b"text/event-stream" in head and b"connection: close" in head.lower()
    assert b"transfer-encoding" not in head.lower()
    assert re.search(rb"(?m)^[0-9a-f]+\r$", body) is None


HOSTS: Final = (
    b"",
    b"Host:\r\n",
    b"Host: 10.0.0.7\r\n",
    b"Host: [2001:db8::1]:8000\r\n",
    b"Host: pod-1.svc:80\r\n",
    b"Host: evil.example\r\n",
)
GUARDED: Final = (
    b"GET /pipelines/",
    b"GET /",
    b"GET /livez/x",
    b"POST /livez",
    b"OPTIONS /livez",
    b"OPTIONS *",
    b"GET /ui/live/board",
    b"GET //livez",
)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("path", [b"/livez", b"/readyz", b"/livez/", b"/readyz/", b"http://10.0.0.7/livez"])
async def test_probes_are_answered_for_any_host(server: RawServer, version: bytes, path: bytes) -> None:
    for method in (b"GET", b"HEAD"):
        for host in HOSTS:
            request = method + b" " + path + b" HTTP/" + version + b"\r\n" + host + b"Connection: close\r\n\r\n"
            (response,) = await server.send(request, heads=int(method == b"HEAD"))

            assert response.status == 200, host


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_everything_else_needs_a_known_host(server: RawServer, version: bytes) -> None:
    for start in GUARDED:
        for host in HOSTS:
            (response,) = await server.send(start + b" HTTP/" + version + b"\r\n" + host + b"Connection: close\r\n\r\n")

            assert response.status == 421, (start, host)


def post(server: RawServer, body: bytes, *more: bytes, path: bytes = b"/status-update/") -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\n" + server.host + JSON + b"".join(more) + b"Content-Length: %d\r\n\r\n" % len(body) + body


REFUSED: Final[dict[str, tuple[int, bytes]]] = {
    "400 two hosts": (400, b"GET / HTTP/1.1\r\nHost: a\r\n{host}\r\n"),
    "403 foreign page": (403, b"POST /trigger/flights HTTP/1.1\r\n{host}Origin: https://evil.example\r\nContent-Length: 2\r\n\r\n{}"),
    "404": (404, b"GET /nothing HTTP/1.1\r\n{host}\r\n"),
    "404 with a body": (404, b"POST /nothing HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nGET /"),
    "405": (405, b"POST /livez HTTP/1.1\r\n{host}\r\n"),
    "405 with chunks": (405, b"PUT /livez HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n"),
    "401": (401, b"GET /runs/ HTTP/1.1\r\n{host}Authorization: Bearer hg_x\r\n\r\n"),
    "414": (414, b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n{host}\r\n"),
    "415 text": (415, b"POST /status-update/ HTTP/1.1\r\n{host}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}"),
    "415 gzip": (415, b"POST /status-update/ HTTP/1.1\r\n{host}Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
    "421": (421, b"POST /status-update/ HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 2\r\n\r\n{}"),
    "421 in HEAD": (421, b"HEAD /pipelines/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    "422": (422, b"POST /status-update/ HTTP/1.1\r\n{host}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"),
    "431": (431, b"GET / HTTP/1.1\r\n{host}" + b"X-A: b\r\n" * 101 + b"\r\n"),
    "501": (501, b"POST /status-update/ HTTP/1.1\r\n{host}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "204": (204, b"OPTIONS /livez HTTP/1.1\r\n{host}\r\n"),
    "204 for the server": (204, b"OPTIONS * HTTP/1.1\r\n{host}\r\n"),
    "upgrade to h2c": (
        200,
        b"GET /livez HTTP/1.1\r\n{host}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
    ),
    "websocket": (404, b"GET /nothing HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"),
    "upgrade with a body": (
        422,
        b"POST /status-update/ HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: h2c\r\n"
        b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    ),
    "absolute target": (200, b"GET http://127.0.0.1/livez?a=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
    "absolute target of another host": (421, b"GET http://evil.example HTTP/1.1\r\n{host}\r\n"),
    "double slash": (404, b"GET //livez HTTP/1.1\r\n{host}\r\n"),
    "double slash of a host": (404, b"GET //evil.example/livez HTTP/1.1\r\n{host}\r\n"),
    "encoded slashes": (404, b"GET /pipelines/a%2Fb%2f HTTP/1.1\r\n{host}\r\n"),
    "encoded dots": (404, b"GET /static/x/%2e%2e%2fui.js HTTP/1.1\r\n{host}\r\n"),
    "encoded NUL": (404, b"GET /pipelines/%00 HTTP/1.1\r\n{host}\r\n"),
    "invalid UTF-8": (404, b"GET /pipelines/%ff HTTP/1.1\r\n{host}\r\n"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_request_behind_any_request_is_answered_or_the_response_ends_the_connection(server: RawServer, name: str) -> None:
    status, request = REFUSED[name]
    request = request.replace(b"{host}", server.host)

    responses = await server.send(request, probe(server), heads=int(request.startswith(b"HEAD")))

    assert responses[0].status == status
    assert "date" in responses[0].headers
    if responses[0].headers.get("connection") == "close":
        assert len(responses) == 1 and status in (400, 501)
    else:
        assert_answered(responses)


async def test_a_body_over_the_limit_ends_the_connection(server: RawServer) -> None:
    (response,) = await server.send(post(server, b"x" * (1 << 21)), probe(server))

    assert (response.status, response.headers["connection"]) == (413, "close")


async def test_busy_and_limited_callers_keep_the_connection() -> None:
    async with serving(InProcessHeadgate(rate_limit="1/hour").app) as server:
        limited = await server.send(*[b"GET /runs/ HTTP/1.1\r\n" + server.host + b"\r\n"] * 3, probe(server))
    async with serving(InProcessHeadgate(max_in_flight=0).app) as server:
        busy = await server.send(*[post(server, b"{}")] * 2, probe(server))

    assert [response.status for response in limited] == [200, 429, 429, 200]
    assert [response.status for response in busy] == [503, 503, 200]


async def test_an_unchanged_answer_is_304_without_a_body(server: RawServer) -> None:
    for path in (b"/pipelines/", b"/runs/", b"/pipelines/1", b"/runs/1"):
        start = b"GET " + path + b" HTTP/1.1\r\n" + server.host
        first, _ = await server.send(start + b"\r\n", probe(server))
        if (etag := first.headers.get("etag")) is None:
            continue
        unchanged, second = await server.send(start + f"If-None-Match: {etag}\r\n\r\n".encode(), probe(server))

        assert (unchanged.status, unchanged.headers["etag"], second.body) == (304, etag, ALIVE)
        assert {"content-length", "transfer-encoding", "content-type"}.isdisjoint(unchanged.headers)


async def test_a_stream_that_ends_is_followed_by_the_next_response(headgate: InProcessHeadgate, server: RawServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /events/ HTTP/1.1\r\nAccept: text/event-stream\r\n" + server.host + b"\r\n" + probe(server))
    async with asyncio.timeout(20):
        data = await reader.readuntil(b"\n\n")
        headgate.hub.close()
        data += await reader.read()
    writer.close()

    stream, second = parse_responses(data)
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert second.body == ALIVE


async def test_a_viewer_that_leaves_with_a_request_in_its_pipeline_ends_its_stream(headgate: InProcessHeadgate, server: RawServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /events/ HTTP/1.1\r\nAccept: text/event-stream\r\n" + server.host + b"\r\n")
    async with asyncio.timeout(20):
        await reader.readuntil(b"\n\n")
        writer.write(probe(server))
        await asyncio.sleep(0.1)
        assert headgate.hub.viewer_count == 1
        writer.transport.abort()
        while headgate.hub.viewer_count:  # the server notices when it writes; a silent stream writes every 15 s
            await headgate.api.trigger()
            await headgate.publish_changes()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "gzip, identity"])
async def test_a_compressed_body_is_415_and_names_what_is_accepted(server: RawServer, encoding: str) -> None:
    body = gzip.compress(b'{"pipeline_id": "flights"}')
    responses = await server.send(post(server, body, f"Content-Encoding: {encoding}\r\n".encode()), probe(server))

    assert (responses[0].status, responses[0].headers["accept-encoding"]) == (415, "identity")
    assert_answered(responses)


async def test_a_body_with_the_coding_identity_is_accepted(server: RawServer) -> None:
    responses = await server.send(post(server, b"{}", b"Content-Encoding: identity\r\n", path=b"/trigger/flights"), probe(server))

    assert responses[0].status == 202
    assert_answered(responses)


AMBIGUOUS: Final = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "equal lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of lengths": b"Content-Length: 2, 2\r\n\r\n{}",
    "length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "negative length": b"Content-Length: -2\r\n\r\n{}",
    "signed length": b"Content-Length: +2\r\n\r\n{}",
    "length in hexadecimal": b"Content-Length: 0x2\r\n\r\n{}",
    "huge length": b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "chunked is not last": b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "invalid chunk size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunk longer than its size": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "space before the colon": b"Content-Length : 2\r\n\r\n{}",
    "folded header": b"X-A: b\r\n c\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", AMBIGUOUS)
async def test_an_ambiguous_body_is_400_and_ends_the_connection(server: RawServer, name: str) -> None:
    start = b"POST /trigger/flights HTTP/1.1\r\n" + server.host + JSON

    responses = await server.send(start + AMBIGUOUS[name], probe(server))

    assert [(response.status, response.headers["connection"]) for response in responses] == [(400, "close")]


INVALID: Final = {
    "no request line": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
    "asterisk with GET": b"GET * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "relative target": b"GET livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "target with a password": b"GET http://a:b@127.0.0.1/livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "raw bytes in the target": b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: a\x00b\r\n\r\n",
    "header without a colon": b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
}


@pytest.mark.parametrize("behind", ["nothing", "a slow response", "two responses"])
@pytest.mark.parametrize("name", INVALID)
async def test_an_invalid_request_is_400_after_the_responses_before_it(headgate: InProcessHeadgate, name: str, behind: str) -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)
        await headgate.app(scope, receive, send)

    async with serving(slow) as server:
        before = [b"GET /livez HTTP/1.1\r\n" + server.host + b"\r\n"] * {"nothing": 0, "a slow response": 1, "two responses": 2}[behind]
        responses = await server.send(*before, INVALID[name], probe(server))

    *earlier, last = responses
    assert [response.body for response in earlier] == [ALIVE] * len(before)
    assert (last.status, last.headers["connection"], last.headers["content-type"]) == (400, "close", "application/problem+json")
    assert "date" in last.headers


@pytest.mark.parametrize("name", ["invalid chunk size", "chunk longer than its size"])
async def test_an_invalid_body_is_400_after_the_responses_before_it(headgate: InProcessHeadgate, name: str) -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.05)
        await headgate.app(scope, receive, send)

    async with serving(slow) as server:
        start = b"POST /trigger/flights HTTP/1.1\r\n" + server.host + JSON
        responses = await server.send(b"GET /livez HTTP/1.1\r\n" + server.host + b"\r\n", start + AMBIGUOUS[name], probe(server))

    assert [response.status for response in responses] == [200, 400]


@pytest.mark.parametrize(
    ("status", "path", "more"),
    [(202, b"/trigger/flights", b""), (404, b"/nothing", b""), (415, b"/trigger/flights", b"Content-Encoding: gzip\r\n")],
)
async def test_a_client_that_expects_100_gets_one_final_answer(server: RawServer, status: int, path: bytes, more: bytes) -> None:
    """A refused client may leave out the body, so that what follows cannot be told from it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST " + path + b" HTTP/1.1\r\n" + server.host + JSON + more + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    async with asyncio.timeout(20):
        data = await reader.readuntil(b"\r\n\r\n")
        if data.startswith(b"HTTP/1.1 100 "):
            writer.write(b"{}")
            data = b""
        else:
            writer.write(probe(server))
        data += await reader.read()
    writer.close()

    (response,) = parse_responses(data)
    assert (response.status, response.headers["connection"]) == (status, "close")


async def test_http_1_0_is_never_told_to_continue(server: RawServer) -> None:
    head = b"POST /trigger/flights HTTP/1.0\r\n" + server.host + JSON + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"

    (response,) = await server.send(head + b"{}")

    assert response.status == 202


async def test_405_names_the_allowed_methods(server: RawServer) -> None:
    for path in (path for path in READ_PATHS if not path.startswith("/worker/")):
        responses = await server.send(f"PATCH {fill(path)} HTTP/1.1\r\n".encode() + server.host + b"\r\n", probe(server))

        assert responses[0].status == 405, path
        assert {"GET", "HEAD", "OPTIONS"} <= set(responses[0].headers["allow"].split(", ")), path
        assert_answered(responses)
