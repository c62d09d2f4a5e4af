"""Too much at once, too much from one caller, too little room: each is said in its own way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from entrypoints.http.middleware import body_limit
from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate


@asynccontextmanager
async def blocked_triggers(headgate: InProcessHeadgate, count: int) -> AsyncIterator[list["asyncio.Task[object]"]]:
    """So many triggers that wait for a row somebody else has locked; each with a key, or they would wait as one."""
    headgate.fakes.store.locks.timeout = 20.0
    async with headgate.fakes.open_unit_of_work() as work:
        await work.pipelines.find(1, lock=True)
        tasks: list[asyncio.Task[object]] = [
            asyncio.ensure_future(headgate.client.post("/trigger/flights", headers={"Idempotency-Key": f"k{n}"})) for n in range(count)
        ]
        async with asyncio.timeout(5):
            while headgate.fakes.store.locks.waiting < count:  # noqa: ASYNC110
                await asyncio.sleep(0)
        yield tasks


async def test_excess_requests_are_503_while_health_and_workers_pass() -> None:
    headgate = InProcessHeadgate(max_in_flight=2)
    await headgate.api.create_pipeline()

    async with blocked_triggers(headgate, 2) as triggers:
        refused = await headgate.client.get("/pipelines/")
        health = [(await headgate.client.get(path)).status_code for path in ("/livez", "/readyz")]
        worker = await headgate.client.post("/worker/leave", json={"worker_id": "w"}, headers=headgate.api.worker_headers)

    assert (refused.status_code, refused.json()["problem"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (health, worker.status_code) == ([200, 200], 204)
    assert [answer.status_code for answer in await asyncio.gather(*triggers)] == [202, 202]  # type: ignore[attr-defined]
    assert (await headgate.client.get("/pipelines/")).status_code == 200


async def test_open_streams_do_not_count() -> None:
    headgate = InProcessHeadgate(max_in_flight=1)
    await headgate.start_change_feed()

    async with open_stream(headgate, "/events/") as one, open_stream(headgate, "/events/") as two:
        await one.until("id: ")
        await two.until("id: ")
        assert (await headgate.client.get("/pipelines/")).status_code == 200


class SlowBody:
    """A body that comes in two pieces: the second when it may."""

    def __init__(self, first: bytes, second: bytes) -> None:
        self._first, self._second = first, second
        self.has_begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._first
        self.has_begun.set()
        await self.may_end.wait()
        yield self._second


def report_in_pieces(headgate: InProcessHeadgate, body: SlowBody) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(headgate.client.post("/status-update/", content=body, headers={"Content-Type": "application/json"}))


async def test_an_unfinished_body_does_not_count() -> None:
    headgate = InProcessHeadgate(max_in_flight=1)
    await headgate.api.create_pipeline()
    bodies = [SlowBody(b'{"pipeline_id": "flights", ', b'"status": "running"}') for _ in range(3)]

    coming = [report_in_pieces(headgate, body) for body in bodies]
    for body in bodies:
        await body.has_begun.wait()
    meanwhile = [await headgate.client.get("/pipelines/"), await headgate.api.report(pipeline_id="flights", status="running")]
    answers = []
    for body, task in zip(bodies, coming, strict=True):
        body.may_end.set()
        answers.append(await task)

    assert {answer.status_code for answer in (*meanwhile, *answers)} == {200}


async def test_unfinished_bodies_are_limited_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "UNFINISHED_BYTES", 1_000)
    headgate = InProcessHeadgate(rate_limit="50/hour")
    await headgate.api.create_pipeline()
    long = b'{"pipeline_id": "flights", "status": "running", "message": "' + b"m" * 900
    first, second = SlowBody(long, b'"}'), SlowBody(long, b'"}')
    second.may_end.set()

    held = report_in_pieces(headgate, first)
    await first.has_begun.wait()
    over = [await report_in_pieces(headgate, SlowBody(long, b'"}')) for _ in range(60)]
    first.may_end.set()
    taken = [await held, await report_in_pieces(headgate, second)]

    assert {(answer.status_code, answer.json()["problem"]) for answer in over} == {(503, "overloaded")}
    assert [answer.status_code for answer in taken] == [200, 200], "there is room again, and none of it was the caller's fault"


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
