"""The protocol limits the size of a request's head and the time that a request takes to arrive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from entrypoints.http.protocol import MAX_HEAD_BYTES, BoundedProtocol


class ImpatientProtocol(BoundedProtocol):
    READ_TIMEOUT = 0.3


async def count_bytes(scope: Any, receive: Any, send: Any) -> None:
    """Respond with the number of headers and the bytes of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{len(scope['headers'])} {size}\n".encode()})


@asynccontextmanager
async def serving(
    app: Any = count_bytes, http: type[BoundedProtocol] = BoundedProtocol
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Yield a connection to a server."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=http, lifespan="off", log_level="critical"))
    life = asyncio.create_task(server.serve([listening]))
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        try:
            yield reader, writer
        finally:
            writer.close()
            server.should_exit = True
            await life
            listening.close()


def many_headers() -> Iterator[bytes]:
    while True:
        yield b"X-A: " + b"v" * 1_000 + b"\r\n"


def one_header() -> Iterator[bytes]:
    yield b"X-A: "
    while True:
        yield b"v" * 1_000


def long_url() -> Iterator[bytes]:
    while True:
        yield b"a" * 1_000


@pytest.mark.parametrize(
    ("start", "rest"),
    [(b"GET / HTTP/1.1\r\nHost: x\r\n", many_headers), (b"GET / HTTP/1.1\r\nHost: x\r\n", one_header), (b"GET /", long_url)],
    ids=["headers", "header", "url"],
)
async def test_an_endless_head_is_431_and_closes_the_connection(start: bytes, rest: Any) -> None:
    async with serving() as (reader, writer):
        sent = 0
        writer.write(start)
        for piece in rest():
            if sent > MAX_HEAD_BYTES + 1_000:
                break
            writer.write(piece)
            sent += len(piece)
            await writer.drain()

        head, _, body = (await reader.read()).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["problem"] == "headers_too_large"


async def test_requests_on_one_connection_are_limited_separately() -> None:
    body = b"x" * (4 * MAX_HEAD_BYTES)
    request = b"POST / HTTP/1.1\r\nHost: x\r\nX-A: " + b"v" * 20_000 + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async with serving() as (reader, writer):
        answers = []
        for _ in range(6):
            writer.write(request)
            answers.append(await reader.readuntil(b"\n0\r\n\r\n"))

    assert all(answer.startswith(b"HTTP/1.1 200") and b"3 %d" % len(body) in answer for answer in answers)


async def drip(writer: asyncio.StreamWriter, start: bytes, drop: bytes) -> None:
    """Send a little at a time until the connection closes."""
    writer.write(start)
    while not writer.is_closing():
        writer.write(drop)
        await asyncio.sleep(0.05)


async def read_until_closed(reader: asyncio.StreamReader) -> bytes:
    """Return what arrives until the connection closes. It is reset if the server closes it with unread bytes."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while block := await reader.read(65_536):
            answer += block
    return answer


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: v\r\n"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"v"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nv\r\n"),
    ],
    ids=["head", "body", "chunks"],
)
async def test_a_slow_request_is_408_and_closes_the_connection(start: bytes, drop: bytes) -> None:
    async with serving(http=ImpatientProtocol) as (reader, writer):
        dripping = asyncio.create_task(drip(writer, start, drop))
        head, _, body = (await read_until_closed(reader)).partition(b"\r\n\r\n")
        dripping.cancel()

    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert json.loads(body)["problem"] == "too_slow"


async def test_a_silent_connection_is_closed_without_a_response() -> None:
    async with serving(http=ImpatientProtocol) as (reader, _):
        assert await reader.read() == b""


async def test_a_client_that_keeps_sending_after_the_response_is_dropped() -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})

    async with serving(refuse, ImpatientProtocol) as (reader, writer):
        dripping = asyncio.create_task(drip(writer, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"v"))
        answer = await read_until_closed(reader)
        dripping.cancel()

    assert answer.startswith(b"HTTP/1.1 413 ") and answer.endswith(b"\r\n\r\nno")


async def test_a_slow_handler_and_pipelined_requests_do_not_time_out() -> None:
    """The second request's head starts while the first is handled, and ends afterwards."""
    started, may_respond = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        started.set()
        await may_respond.wait()
        await count_bytes(scope, receive, send)

    async with serving(slow, ImpatientProtocol) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost")
        await started.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 2.5)  # the server checks at least twice
        may_respond.set()
        writer.write(b": x\r\n\r\n")
        answers = [await reader.readuntil(b"0\r\n\r\n") for _ in range(2)]

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


async def test_the_time_of_an_earlier_response_does_not_count() -> None:
    may_respond = asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await may_respond.wait()
        await count_bytes(scope, receive, send)

    async with serving(slow, ImpatientProtocol) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost")
        await asyncio.sleep(4 * ImpatientProtocol.READ_TIMEOUT)
        may_respond.set()
        answered = await reader.readuntil(b"0\r\n\r\n")
        refused = await reader.read()

    assert answered.startswith(b"HTTP/1.1 200")
    assert refused.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("half", "rest"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", b"other"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-", b"Length: 9\r\n\r\nhalfother"),
    ],
    ids=["body", "head"],
)
async def test_a_request_has_all_of_its_time_when_its_turn_comes(half: bytes, rest: bytes) -> None:
    class Protocol(BoundedProtocol):
        READ_TIMEOUT = 30.0

    begun, may_respond = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await may_respond.wait()
        await count_bytes(scope, receive, send)

    async with serving(slow, Protocol) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await begun.wait()
        Protocol.READ_TIMEOUT = 0.3
        writer.write(half)
        await asyncio.sleep(1)  # the server waits in periods of 0.3 s now
        Protocol.READ_TIMEOUT = 30.0
        may_respond.set()
        await reader.readuntil(b"0\r\n\r\n")
        await asyncio.sleep(0.6)  # longer than what was left of the last period
        writer.write(rest)
        answered = await reader.readuntil(b"0\r\n\r\n")

    assert answered.startswith(b"HTTP/1.1 200 ") and b"2 9\n" in answered


@pytest.mark.parametrize(
    ("behind", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", 200),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"v" * (MAX_HEAD_BYTES + 1_000), 431),
        (b"nonsense", 400),
    ],
)
async def test_a_refusal_does_not_overtake_a_response_that_has_begun(behind: bytes, status: int) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun, ", "more_body": True})
        begun.set()
        await may_end.wait()
        await send({"type": "http.response.body", "body": b"ended"})

    async with serving(slow, ImpatientProtocol) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await begun.wait()
        writer.write(behind)
        await asyncio.sleep(3 * ImpatientProtocol.READ_TIMEOUT)
        may_end.set()
        first = await reader.readuntil(b"0\r\n\r\n")
        second = await reader.read()

    assert first.startswith(b"HTTP/1.1 200 ") and first.endswith(b"7\r\nbegun, \r\n5\r\nended\r\n0\r\n\r\n")
    assert second.startswith(b"HTTP/1.1 %d " % status)
    assert second.count(b"\r\ndate: ") == 1
