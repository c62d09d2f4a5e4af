"""Too much at once, too much from one caller, too little room: each is said in its own way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from entrypoints.http.middleware import body_limit
from tests.support.api_harness import ApiHarness, open_stream


@asynccontextmanager
async def blocked_triggers(house: ApiHarness, count: int) -> AsyncIterator[list["asyncio.Task[object]"]]:
    """So many triggers that wait for a row somebody else has locked; each with a key, or they would wait as one."""
    house.fakes.store.locks.timeout = 20.0
    async with house.fakes.open_unit_of_work() as work:
        await work.pipelines.find(1, lock=True)
        tasks: list[asyncio.Task[object]] = [
            asyncio.ensure_future(house.client.post("/trigger/flights", headers={"Idempotency-Key": f"k{n}"})) for n in range(count)
        ]
        async with asyncio.timeout(5):
            while house.fakes.store.locks.waiting < count:  # noqa: ASYNC110
                await asyncio.sleep(0)
        yield tasks


async def test_over_the_bound_is_503_and_goes_through_later_while_health_and_workers_pass() -> None:
    house = ApiHarness({"max_in_flight": 2})
    await house.create()

    async with blocked_triggers(house, 2) as triggers:
        refused = await house.client.get("/pipelines/")
        health = [(await house.client.get(path)).status_code for path in ("/livez", "/readyz")]
        worker = await house.client.post("/worker/leave", json={"worker_id": "w"}, headers=house.worker_token)

    assert (refused.status_code, refused.json()["problem"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (health, worker.status_code) == ([200, 200], 204)
    assert [answer.status_code for answer in await asyncio.gather(*triggers)] == [202, 202]  # type: ignore[attr-defined]
    assert (await house.client.get("/pipelines/")).status_code == 200


async def test_open_streams_take_no_place() -> None:
    house = ApiHarness({"max_in_flight": 1})
    await house.start_change_feed()

    async with open_stream(house, "/events/") as one, open_stream(house, "/events/") as two:
        await one.until("id: ")
        await two.until("id: ")
        assert (await house.client.get("/pipelines/")).status_code == 200


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


def report_in_pieces(house: ApiHarness, body: SlowBody) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(house.client.post("/status-update/", content=body, headers={"Content-Type": "application/json"}))


async def test_a_body_on_its_way_holds_no_place() -> None:
    house = ApiHarness({"max_in_flight": 1})
    await house.create()
    bodies = [SlowBody(b'{"pipeline_id": "flights", ', b'"status": "running"}') for _ in range(3)]

    coming = [report_in_pieces(house, body) for body in bodies]
    for body in bodies:
        await body.has_begun.wait()
    meanwhile = [await house.client.get("/pipelines/"), await house.report(pipeline_id="flights", status="running")]
    answers = []
    for body, task in zip(bodies, coming, strict=True):
        body.may_end.set()
        answers.append(await task)

    assert {answer.status_code for answer in (*meanwhile, *answers)} == {200}


async def test_bodies_on_their_way_have_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "UNFINISHED_BYTES", 1_000)
    house = ApiHarness({"rate_limit": "50/hour"})
    await house.create()
    long = b'{"pipeline_id": "flights", "status": "running", "message": "' + b"m" * 900
    first, second = SlowBody(long, b'"}'), SlowBody(long, b'"}')
    second.may_end.set()

    held = report_in_pieces(house, first)
    await first.has_begun.wait()
    over = [await report_in_pieces(house, SlowBody(long, b'"}')) for _ in range(60)]
    first.may_end.set()
    taken = [await held, await report_in_pieces(house, second)]

    assert {(answer.status_code, answer.json()["problem"]) for answer in over} == {(503, "overloaded")}
    assert [answer.status_code for answer in taken] == [200, 200], "there is room again, and none of it was the caller's fault"


async def test_a_body_that_arrives_in_one_piece_needs_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "UNFINISHED_BYTES", 0)
    messages = [{"type": "http.request", "body": b"x" * 5_000, "more_body": False}]
    received: list[Any] = []

    async def receive() -> Any:
        return messages.pop()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())

    await body_limit.BodyLimit(app)({"type": "http", "headers": [(b"content-length", b"5000")]}, receive, app)

    assert received == [{"type": "http.request", "body": b"x" * 5_000, "more_body": False}]
