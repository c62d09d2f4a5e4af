"""Pipelines with the same groups are created and changed at once by several processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from adapters.persistence.database import Database
from domain.concurrency.group import Group
from domain.errors import InvalidInput
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate

Webs = list[InProcessHeadgate]


@pytest.fixture
async def webs(database_url: str) -> AsyncIterator[Webs]:
    """Two web processes on one database."""
    async with AsyncExitStack() as stack:
        yield [await _open_web(stack, database_url) for _ in range(2)]


async def _open_web(stack: AsyncExitStack, url: str) -> InProcessHeadgate:
    database = Database(url)
    await database.start()
    stack.push_async_callback(database.stop)
    ports = {name: getattr(database, name) for name in ("reader", "change_feed", "clock", "open_unit_of_work")}
    return await stack.enter_async_context(InProcessHeadgate(ports=ports))


def define(name: str, limit: int | None = None, holds: str = "warehouse", uses: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": name, "stages": [a_stage("load", uses=list(uses))], "concurrency": [{"group": holds, "limit": limit}]}


async def read_groups(webs: Webs) -> dict[str, Group]:
    async with webs[0].application.adapters.open_unit_of_work()() as work:
        return dict(await work.concurrency.list_groups())


async def collect_refusals(*applies: Awaitable[object]) -> list[str]:
    results = await asyncio.gather(*applies, return_exceptions=True)
    assert [result for result in results if isinstance(result, BaseException) and not isinstance(result, InvalidInput)] == []
    return [str(result) for result in results if isinstance(result, InvalidInput)]


async def test_of_many_limits_that_are_applied_at_once_one_is_stored(webs: Webs) -> None:
    applies = (webs[n % 2].application.create_pipeline()(define(f"p{n}", n)) for n in range(1, 9))

    refusals = await collect_refusals(*applies)

    group = (await read_groups(webs))["warehouse"]
    (user,) = group.users
    assert user.pipeline == f"p{group.limit}" and user.use.limit == group.limit
    assert refusals == [f"concurrency[0].limit: must be {group.limit}, the limit of the group warehouse in pipeline {user.pipeline}"] * 7


async def test_of_two_limits_that_are_changed_at_once_one_is_stored(webs: Webs) -> None:
    await webs[0].application.set_group_limit()("warehouse", 1)
    for name in ("a", "b"):
        await webs[0].application.create_pipeline()(define(name))
    await webs[0].application.change_pipeline()("a", {"name": "a", "stages": [a_stage()]})
    await webs[0].application.change_pipeline()("b", {"name": "b", "stages": [a_stage()]})
    await webs[0].application.set_group_limit()("warehouse", None)

    refusals = await collect_refusals(
        webs[0].application.change_pipeline()("a", define("a", 2)), webs[1].application.change_pipeline()("b", define("b", 3))
    )

    group = (await read_groups(webs))["warehouse"]
    assert (
        len(refusals) == 1
        and f"must be {group.limit}, the limit of the group warehouse in pipeline {group.users[0].pipeline}" in refusals[0]
    )
    assert [user.use.limit for user in group.users] == [group.limit]


async def test_two_halves_of_a_ring_that_are_applied_at_once_are_not_both_stored(webs: Webs) -> None:
    for name in ("a", "b"):
        await webs[0].application.set_group_limit()(name, 1)

    refusals = await collect_refusals(
        webs[0].application.create_pipeline()(define("first", holds="a", uses=("b",))),
        webs[1].application.create_pipeline()(define("second", holds="b", uses=("a",))),
    )

    assert len(refusals) == 1 and "wait for each other forever" in refusals[0]
    assert len({user.pipeline for group in (await read_groups(webs)).values() for user in group.users}) == 1
