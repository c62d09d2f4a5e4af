"""What our own way of writing an answer's head puts on the wire is what the server's own way puts there."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from entrypoints.web.http_answers import Cycle

Message = dict[str, Any]
LENGTH = (b"Content-Length", b"5")
PLAIN = [(b"content-type", b"text/plain"), (b"content-length", b"5")]


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent, self.closed = b"", False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def start(headers: list[tuple[bytes, bytes]], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(data: bytes = b"hello", more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def came_of(kind: type[RequestResponseCycle], messages: list[Message], **request: Any) -> tuple[Any, ...]:
    """The bytes, whether the connection ended, how often the answer was said to be over, and what went wrong."""
    wire, over, wrong = Wire(), [0], ""
    cycle = kind(
        scope={"type": "http", "method": request.get("method", "GET"), "http_version": "1.1"},  # type: ignore[typeddict-item]
        transport=wire,
        flow=FlowControl(wire),
        logger=logging.getLogger("uvicorn.error"),
        access_logger=logging.getLogger("uvicorn.access"),
        access_log=False,
        default_headers=request.get("default_headers", []),
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=request.get("keep_alive", True),
        on_response=lambda: over.__setitem__(0, over[0] + 1),
    )
    try:
        for message in messages:
            await cycle.send(message)  # type: ignore[arg-type]
    except RuntimeError:
        wrong = "RuntimeError"
    return wire.sent if not wrong else b"", wire.closed, over[0], wrong, cycle.response_started, cycle.response_complete


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize("default_headers", [[], [(b"date", b"today")]], ids=["bare", "dated"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "messages",
    [
        [start(PLAIN), body()],
        [start([LENGTH, (b"X-Own", b"a, b")]), body(b"he", more=True), body(b"llo")],
        [start([]), body()],
        [start([(b"transfer-encoding", b"chunked")]), body(b"he", more=True), body(b"llo")],
        [start([], 204), body(b"")],
        [start([(b"content-length", b"0")], 304), body(b"")],
        [start([*PLAIN, (b"connection", b"close")]), body()],
        [start([*PLAIN, (b"Connection", b"keep-alive, Close")]), body()],
        [start([*PLAIN, (b"Transfer-Encoding", b"chunked")]), body()],
        [start([*PLAIN, (b"x", b"broken\r\nline")]), body()],
        [start([*PLAIN, (b"bro\nken", b"x")]), body()],
        [start([(b"content-length", b"5")]), body(b"hell")],
        [start([(b"content-length", b"5")]), body(b"hello!")],
        [start(PLAIN), start(PLAIN)],
        [body()],
        [start(PLAIN), body(), body()],
    ],
)
async def test_an_answer_is_the_same_on_the_wire(
    messages: list[Message], method: str, default_headers: list[tuple[bytes, bytes]], keep_alive: bool
) -> None:
    request = {"method": method, "default_headers": default_headers, "keep_alive": keep_alive}

    ours, theirs = [await came_of(kind, messages, **request) for kind in (Cycle, RequestResponseCycle)]

    assert ours == theirs
