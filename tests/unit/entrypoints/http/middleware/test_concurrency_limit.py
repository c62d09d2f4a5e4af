"""Requests over the limit are refused with 503."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.event_streams import open_stream
from tests.support.in_process import InProcessHeadgate


@asynccontextmanager
async def blocked_triggers(headgate: InProcessHeadgate, count: int) -> AsyncIterator[list["asyncio.Task[object]"]]:
    """Start `count` triggers that wait for a locked pipeline. Each has a key, or they would be batched and wait as one."""
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
