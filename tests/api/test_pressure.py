"""Too much at once, too much from one caller, too little room: each is said in its own way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.api.house import House, watching


@asynccontextmanager
async def held_up(house: House, count: int) -> AsyncIterator[list["asyncio.Task[object]"]]:
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
    house = House({"max_in_flight": 2})
    await house.create()

    async with held_up(house, 2) as triggers:
        refused = await house.client.get("/pipelines/")
        health = [(await house.client.get(path)).status_code for path in ("/livez", "/readyz")]
        worker = await house.client.post("/worker/leave", json={"worker_id": "w"}, headers=house.worker_token)

    assert (refused.status_code, refused.json()["problem"], refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (health, worker.status_code) == ([200, 200], 204)
    assert [answer.status_code for answer in await asyncio.gather(*triggers)] == [202, 202]  # type: ignore[attr-defined]
    assert (await house.client.get("/pipelines/")).status_code == 200


async def test_open_streams_take_no_place() -> None:
    house = House({"max_in_flight": 1})
    await house.start_feed()

    async with watching(house, "/events/") as one, watching(house, "/events/") as two:
        await one.until("id: ")
        await two.until("id: ")
        assert (await house.client.get("/pipelines/")).status_code == 200
