"""Too much at once, too much from one caller, too little room: each is said in its own way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from entrypoints.api.pressure import RateLimit
from entrypoints.rate import Rate
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


async def test_a_caller_over_its_rate_is_429_and_told_when(house: House) -> None:
    limited = House({"rate_limit": "2/hour"})

    answers = [await limited.client.get("/pipelines/") for _ in range(3)]
    health = await limited.client.get("/livez")
    worker = await limited.client.post("/worker/leave", json={"worker_id": "w"}, headers=limited.worker_token)

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=2;w=3600'
    assert answers[0].headers["ratelimit"].startswith('"default";r=1;')
    assert 1_700 < int(answers[2].headers["retry-after"]) <= 1_800
    assert answers[2].json()["problem"] == "rate_limited"
    assert (health.status_code, worker.status_code) == (200, 204)
    assert "ratelimit" not in (await house.client.get("/pipelines/")).headers


async def test_a_token_of_ours_has_a_bucket_of_its_own_and_an_invented_one_has_none() -> None:
    house = House({"rate_limit": "1/hour"})

    first = await house.client.get("/pipelines/")
    invented = await house.client.get("/pipelines/", headers={"Authorization": "Bearer invented"})
    ours = await house.client.get("/pipelines/", headers=house.worker_token)

    assert [first.status_code, invented.status_code, ours.status_code] == [200, 429, 403]


async def test_a_bucket_fills_up_again_evenly() -> None:
    now = 0.0
    limit = RateLimit(None, Rate(2, 10), lambda _: False, lambda: now)  # type: ignore[arg-type]

    taken = [limit._take("a") >= 0 for _ in range(3)]
    now = 5.0
    later = [limit._take("a") >= 0 for _ in range(2)]
    now = 1_000.0
    much_later = [limit._take("a") >= 0 for _ in range(3)]

    assert (taken, later, much_later) == ([True, True, False], [True, False], [True, True, False])


async def test_callers_remembered_are_bounded() -> None:
    limit = RateLimit(None, Rate(1, 10), lambda _: False, lambda: 0.0)  # type: ignore[arg-type]

    for n in range(RateLimit.CALLERS + 10):
        limit._take(str(n))

    assert len(limit._buckets) == RateLimit.CALLERS


@pytest.mark.parametrize("text", ["0/second", "10", "ten/second", "10/day", "-1/second"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 100/second"):
        Rate.read(text)


def test_a_rate_is_read_as_it_is_written() -> None:
    assert (Rate.read("100/second"), Rate.read("3000 / minute"), Rate.read("")) == (Rate(100, 1), Rate(3_000, 60), None)


async def test_with_too_little_room_triggers_are_507_and_reports_still_land(house: House) -> None:
    await house.create()
    run_id = await house.trigger()
    keyed = {"Idempotency-Key": "before"}
    before = await house.client.post("/trigger/flights", headers=keyed)
    house.fakes.disk_space.sentence = "The disk has 3 MiB left."

    refused = await house.client.post("/trigger/flights")
    again = await house.client.post("/trigger/flights", headers=keyed)
    report = await house.report(run_id=run_id, stage_name="certify", status="completed")
    house.fakes.disk_space.sentence = None

    assert (refused.status_code, refused.json()["detail"], refused.headers["retry-after"]) == (507, "The disk has 3 MiB left.", "60")
    assert again.json() == before.json()
    assert report.json()["applied"] is True
    assert (await house.client.post("/trigger/flights")).status_code == 202
