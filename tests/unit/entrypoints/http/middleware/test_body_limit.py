"""Bodies have a limit, and so have all bodies together that have not arrived in full."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from entrypoints.http.middleware import body_limit
from tests.support.in_process import InProcessHeadgate


async def test_a_body_over_1_mib_is_drained_and_refused(headgate: InProcessHeadgate) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(3 * 16):
            read += 1 << 16
            yield b" " * (1 << 16)

    chunked = await headgate.client.post("/pipelines/", content=chunks())
    whole = await headgate.client.post("/status-update/", content=b" " * ((1 << 20) + 1))
    fits = await headgate.client.post("/pipelines/", content=b" " * (1 << 20))

    assert (chunked.status_code, chunked.json()["problem"], read) == (413, "too_large", 3 << 20)
    assert whole.status_code == 413
    assert fits.status_code == 422


async def test_a_client_that_disconnects_while_sending_gets_no_response(headgate: InProcessHeadgate) -> None:
    sent: list[object] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/pipelines/",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-length", b"9")],
    }

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    await headgate.app(scope, receive, send)  # type: ignore[arg-type]

    assert sent == []


class SlowBody:
    """A body in two pieces: the second is sent once `may_end` is set."""

    def __init__(self, first: bytes, second: bytes) -> None:
        self._first, self._second = first, second
        self.has_started, self.may_end = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        self.has_started.set()
        await self.may_end.wait()
        yield self._second


def post_report(headgate: InProcessHeadgate, body: SlowBody) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(headgate.client.post("/status-update/", content=body, headers={"Content-Type": "application/json"}))


async def test_an_unfinished_body_does_not_count() -> None:
    headgate = InProcessHeadgate(max_in_flight=1)
    await headgate.api.create_pipeline()
    bodies = [SlowBody(b'{"pipeline_id": "flights", ', b'"status": "running"}') for _ in range(3)]

    pending = [post_report(headgate, body) for body in bodies]
    for body in bodies:
        await body.has_started.wait()
    concurrent = [await headgate.client.get("/pipelines/"), await headgate.api.report(pipeline_id="flights", status="running")]
    answers = []
    for body, task in zip(bodies, pending, strict=True):
        body.may_end.set()
        answers.append(await task)

    assert {answer.status_code for answer in (*concurrent, *answers)} == {200}


async def test_unfinished_bodies_are_limited_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "UNFINISHED_BYTES", 1_000)
    headgate = InProcessHeadgate(rate_limit="50/hour")
    await headgate.api.create_pipeline()
    long = b'{"pipeline_id": "flights", "status": "running", "message": "' + b"m" * 900
    first, second = SlowBody(long, b'"}'), SlowBody(long, b'"}')
    second.may_end.set()

    pending = post_report(headgate, first)
    await first.has_started.wait()
    refused = [await post_report(headgate, SlowBody(long, b'"}')) for _ in range(60)]
    first.may_end.set()
    accepted = [await pending, await post_report(headgate, second)]

    assert {(answer.status_code, answer.json()["problem"]) for answer in refused} == {(503, "overloaded")}
    assert [answer.status_code for answer in accepted] == [200, 200], "there is room again, and overload does not count against the client"


async def test_a_body_that_arrives_at_once_is_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "UNFINISHED_BYTES", 0)
    messages = [{"type": "http.request", "body": b"x" * 5_000, "more_body": False}]
    received: list[Any] = []

    async def receive() -> Any:
        return messages.pop()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())

    await body_limit.BodyLimit(app)({"type": "http", "headers": [(b"content-length", b"5000")]}, receive, app)

    assert received == [{"type": "http.request", "body": b"x" * 5_000, "more_body": False}]
