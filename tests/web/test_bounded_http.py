"""A head without an end is not read for ever; what comes in one piece with its body is."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from entrypoints.api.head_limit import LARGEST_HEAD
from entrypoints.web.http import BoundedHttp, BoundedServer
from entrypoints.web.http_answers import Joined


class Impatient(BoundedHttp):
    READ_WITHIN = 0.3


async def counting(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the number of headers and the bytes of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{len(scope['headers'])} {size}\n".encode()})


@asynccontextmanager
async def serving(
    app: Any = counting, http: type[BoundedHttp] = BoundedHttp
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = BoundedServer(uvicorn.Config(app, http=http, lifespan="off", log_level="critical"))
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


def an_address() -> Iterator[bytes]:
    while True:
        yield b"a" * 1_000


@pytest.mark.parametrize(
    ("begins", "goes_on"),
    [(b"GET / HTTP/1.1\r\nHost: x\r\n", many_headers), (b"GET / HTTP/1.1\r\nHost: x\r\n", one_header), (b"GET /", an_address)],
    ids=["headers", "header", "address"],
)
async def test_a_head_without_an_end_is_431_and_the_connection_over(begins: bytes, goes_on: Any) -> None:
    async with serving() as (reader, writer):
        sent = 0
        writer.write(begins)
        for piece in goes_on():
            if sent > LARGEST_HEAD + 1_000:
                break
            writer.write(piece)
            sent += len(piece)
            await writer.drain()

        head, _, body = (await reader.read()).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["problem"] == "headers_too_large"


async def test_requests_on_one_connection_are_measured_each_for_itself() -> None:
    body = b"x" * (4 * LARGEST_HEAD)
    request = b"POST / HTTP/1.1\r\nHost: x\r\nX-A: " + b"v" * 20_000 + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async with serving() as (reader, writer):
        answers = []
        for _ in range(6):
            writer.write(request)
            answers.append(await reader.readuntil(b"\n0\r\n\r\n"))

    assert all(answer.startswith(b"HTTP/1.1 200") and b"3 %d" % len(body) in answer for answer in answers)


async def drip(writer: asyncio.StreamWriter, begins: bytes, drop: bytes) -> None:
    """A little at a time, for as long as it is taken."""
    writer.write(begins)
    while not writer.is_closing():
        writer.write(drop)
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("begins", "drop"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"X-A: v\r\n"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"v"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nv\r\n"),
    ],
    ids=["head", "body", "chunks"],
)
async def test_a_request_that_does_not_come_is_408_and_the_connection_over(begins: bytes, drop: bytes) -> None:
    async with serving(http=Impatient) as (reader, writer):
        dripping = asyncio.create_task(drip(writer, begins, drop))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        dripping.cancel()

    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert json.loads(body)["problem"] == "too_slow"


async def test_who_says_nothing_hears_nothing() -> None:
    async with serving(http=Impatient) as (reader, _):
        assert await reader.read() == b""


async def test_who_was_answered_and_goes_on_sending_is_left() -> None:
    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"no"})

    async with serving(refusing, Impatient) as (reader, writer):
        dripping = asyncio.create_task(drip(writer, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n", b"v"))
        answer = await reader.read()
        dripping.cancel()

    assert answer.startswith(b"HTTP/1.1 413 ") and answer.endswith(b"\r\n\r\nno")


async def test_an_answer_may_take_its_time_and_so_may_what_waits_behind_it() -> None:
    """The second request's head is begun while the first is answered, and ends afterwards."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await go_on.wait()
        await counting(scope, receive, send)

    async with serving(slow, Impatient) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost")
        await begun.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.readexactly(1), 2.5)  # two looks of the server's at least
        go_on.set()
        writer.write(b": x\r\n\r\n")
        answers = [await reader.readuntil(b"0\r\n\r\n") for _ in range(2)]

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answers)


async def test_what_waited_for_an_answer_has_its_whole_time_afterwards() -> None:
    go_on, made = asyncio.Event(), []

    class Kept(BoundedHttp):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(self)
            super().connection_made(transport)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()
        await counting(scope, receive, send)

    async with serving(slow, Kept) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost")
        async with asyncio.timeout(20):
            while not (made and made[0]._in_head and made[0].cycle):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        later = asyncio.get_running_loop().time() + 1_000
        made[0].end_if_slow(later)
        go_on.set()
        answered = await reader.readuntil(b"0\r\n\r\n")
        made[0].end_if_slow(later + 29)
        is_left_alone = not made[0].transport.is_closing()
        made[0].end_if_slow(later + 31)
        refused = await reader.read()

    assert answered.startswith(b"HTTP/1.1 200") and is_left_alone
    assert refused.startswith(b"HTTP/1.1 408 ")


class Sent:
    """A transport that keeps what it was given, write by write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        assert not self.is_closed
        self.writes.append(data)

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True


async def test_what_is_written_in_one_turn_of_the_loop_leaves_in_one_write() -> None:
    sent: Any = Sent()
    joined = Joined(sent, asyncio.get_running_loop().call_soon)

    joined.write(b"head ")
    joined.write(b"body ")
    at_first = list(sent.writes)
    await asyncio.sleep(0)
    joined.write(b"more ")
    await asyncio.sleep(0)
    joined.write(b"the end")
    joined.close()
    await asyncio.sleep(0)

    assert at_first == []
    assert sent.writes == [b"head body ", b"more ", b"the end"]
    assert sent.is_closed


async def test_a_long_piece_is_not_held_back() -> None:
    sent: Any = Sent()
    joined = Joined(sent, asyncio.get_running_loop().call_soon)

    joined.write(b"head ")
    joined.write(b"x" * 100_000)

    assert [len(each) for each in sent.writes] == [100_005]


async def test_what_is_for_a_caller_who_has_gone_is_dropped() -> None:
    sent: Any = Sent()
    joined = Joined(sent, asyncio.get_running_loop().call_soon)

    joined.write(b"too late")
    sent.close()
    await asyncio.sleep(0)
    joined.close()

    assert sent.writes == []


async def test_a_short_answer_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[bytes] = []
    send = Joined._send

    def told(joined: Joined) -> None:
        if joined._held:
            writes.append(b"".join(joined._held))
        send(joined)

    monkeypatch.setattr(Joined, "_send", told)
    async with serving() as (reader, writer):
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await reader.readuntil(b"0\r\n\r\n")

    assert len(writes) == 3
    assert all(each.startswith(b"HTTP/1.1 200") and b"1 0\n" in each for each in writes)
