"""Each caller has a rate, and a refused one learns when to try again."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from application.ports.access.execution_tokens import AttemptClaims
from domain.access.permissions import Role, Scope
from entrypoints.http.middleware.rate_limit import rate_limit_key
from entrypoints.request_rate import DEFAULT_TEAM_RATE, Rate
from tests.support.in_process import InProcessHeadgate
from tests.support.settings import BASE_URL


def limited(rate: str = "2/hour", **settings: Any) -> InProcessHeadgate:
    return InProcessHeadgate(rate_limit=rate, **settings)


def from_address(headgate: InProcessHeadgate, address: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(headgate.app, client=(address, 1)), base_url=BASE_URL)


async def test_a_caller_over_its_rate_is_429_with_retry_after() -> None:
    headgate = limited()

    answers = [await headgate.client.get("/pipelines/") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["ratelimit-policy"] for answer in answers] == ['"default";q=2;w=3600'] * 3
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers] == ['"default";r=1', '"default";r=0', '"default";r=0']
    assert 0 < int(answers[2].headers["retry-after"]) <= 3_600
    assert answers[2].headers["content-type"] == "application/problem+json"
    assert answers[2].json()["problem"] == "rate_limited"


async def test_plain_routes_are_counted_too() -> None:
    headgate = limited("3/hour")
    await headgate.api.create_pipeline()

    answers = [await headgate.client.post("/trigger/flights"), await headgate.api.report(pipeline_id="flights", status="running")]

    assert [answer.status_code for answer in answers] == [202, 200]
    assert (await headgate.api.report(pipeline_id="flights", status="running")).status_code == 429


async def test_health_and_workers_have_no_limit_nor_has_open_access(headgate: InProcessHeadgate) -> None:
    busy = limited("1/hour")
    await busy.client.get("/pipelines/")

    unlimited = [await busy.client.get("/livez"), await busy.client.get("/readyz/")]
    unlimited += [await busy.client.post("/worker/leave", json={"worker_id": "w"}, headers=busy.api.worker_headers) for _ in range(3)]

    assert [answer.status_code for answer in unlimited] == [200, 200, 204, 204, 204]
    assert "ratelimit" not in (await headgate.client.get("/pipelines/")).headers
    assert (Rate.from_setting("", "none"), Rate.from_setting("", "team"), Rate.from_setting("none", "team")) == (
        None,
        DEFAULT_TEAM_RATE,
        None,
    )


async def test_tokens_accounts_and_addresses_are_counted_separately() -> None:
    headgate = limited("1/hour", auth="team")
    one, two = await headgate.api.create_token(Scope.READ), await headgate.api.create_token(Scope.READ)
    person = await headgate.api.sign_in(Role.VIEWER)

    first = [(await headgate.client.get("/pipelines/", headers=headers)).status_code for headers in (one, two, person)]
    again = [(await headgate.client.get("/pipelines/", headers=headers)).status_code for headers in (one, two, person)]

    assert (first, again) == ([200] * 3, [429] * 3)


async def test_addresses_of_one_ipv6_network_are_counted_together() -> None:
    headgate = limited("1/hour")

    async def get_status(address: str) -> int:
        async with from_address(headgate, address) as client:
            return (await client.get("/pipelines/")).status_code

    assert [await get_status(address) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [200, 200, 429]
    assert [await get_status(address) for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")] == [200, 429, 200]
    assert [await get_status(address) for address in ("::ffff:192.0.2.2", "::ffff:192.0.2.9")] == [429, 200]


async def test_refused_tokens_are_limited_by_address() -> None:
    headgate = limited("3/hour", auth="team")
    valid = await headgate.api.create_token(Scope.READ)

    guesses = [(await headgate.client.get("/pipelines/", headers={"Authorization": f"Bearer hg_{n}"})).status_code for n in range(4)]
    async with from_address(headgate, "192.0.2.7") as other:
        accepted = await other.get("/pipelines/", headers=valid)

    assert guesses == [401, 401, 401, 429]
    assert accepted.status_code == 200


async def test_invented_tokens_do_not_raise_the_limit() -> None:
    headgate = limited("2/hour")

    statuses = [(await headgate.client.get("/pipelines/")).status_code for _ in range(2)]
    statuses.append((await headgate.client.get("/pipelines/", headers={"Cookie": "__Host-headgate=invented"})).status_code)

    assert statuses == [200, 200, 429]


async def test_a_caller_that_waits_is_served() -> None:
    headgate = limited("1/second")
    await headgate.client.get("/pipelines/")

    deadline = time.monotonic() + 20
    while (answer := await headgate.client.get("/pipelines/")).status_code == 429:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)

    assert answer.status_code == 200


async def test_a_browser_gets_a_page_for_429() -> None:
    headgate = limited("1/hour")
    await headgate.client.get("/pipelines/")

    page = await headgate.client.get("/pipelines/", headers={"Accept": "text/html"})

    assert page.status_code == 429
    assert "More than 1 requests in 3,600 s. Try again in" in page.text


@pytest.mark.parametrize(("claims", "expected"), [(True, ("attempt", "7/load/2")), (False, ("address", "192.0.2.1"))])
def test_each_attempt_is_counted_as_a_caller(claims: bool, expected: tuple[str, str]) -> None:
    scope: dict[str, Any] = {"client": ("192.0.2.1", 5)}
    if claims:
        scope["headgate.claims"] = AttemptClaims(7, "load", 2)

    assert rate_limit_key(scope) == expected
