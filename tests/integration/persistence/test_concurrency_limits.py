"""Concurrency limits on a real database, with several web processes that start runs at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
from sqlalchemy import text

from application.commands.runs.retry_run import RetryRunCommand
from domain.access.actor import Actor
from domain.errors import Conflict, Unavailable
from domain.runs.approvals import Decision
from domain.runs.status import TERMINAL
from tests.support.builders import a_stage
from tests.support.limited_webs import LimitedWebs, open_limited_webs

UNFINISHED = f"SELECT count(*) FROM run WHERE status NOT IN ({', '.join(repr(status.value) for status in sorted(TERMINAL))})"
GROUPS = ("disk", "web", "mail")
SECONDS = 10.0


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[LimitedWebs]:
    async with open_limited_webs(database_url) as webs:
        yield webs


async def test_five_hundred_triggers_at_once_never_hold_more_slots_than_three(limited: LimitedWebs) -> None:
    await limited.add_pipeline("sales", concurrency=[{"limit": 3}])
    await limited.record_history()

    async with limited.running(workers=3):
        await asyncio.gather(*(limited.trigger("sales", number) for number in range(500)))
        await limited.until_none(UNFINISHED)

    ((taken, most, alone),) = await limited.query("SELECT count(*), max(held), bool_and(is_alone) FROM slot_history")
    assert (taken, most, alone) == (500, 3, True)
    assert await limited.count("SELECT count(*) FROM run WHERE status = 'completed'") == 500
    assert await limited.count("SELECT count(*) FROM slot") + await limited.count("SELECT count(*) FROM slot_wait") == 0
    assert limited.errors == []


async def test_the_history_notices_open_transactions_that_take_slots_of_one_bucket(limited: LimitedWebs) -> None:
    await limited.record_history()
    take = text("INSERT INTO slot (bucket, run_id, position, limit_name, taken_at, over_limit) VALUES ('b', :run, -1, 'b', now(), false)")

    engine = limited.database.engine.execution_options(isolation_level="READ COMMITTED")
    async with engine.connect() as first, engine.connect() as second:
        await first.execute(take, {"run": 1})
        await second.execute(take, {"run": 2})
        await first.commit()
        await second.commit()
        await first.execute(take, {"run": 3})
        await first.commit()

    assert [tuple(row) for row in await limited.query("SELECT held, is_alone FROM slot_history")] == [(1, True), (1, False), (3, True)]


async def test_groups_in_different_orders_deadlock_with_nothing(limited: LimitedWebs) -> None:
    seed = Random().randrange(1_000_000)
    print(f"seed {seed}")
    for number in range(10):
        await limited.add_pipeline(**_describe_pipeline(number))
    await limited.record_history()

    async with limited.running(workers=2, ticks=True):
        await asyncio.gather(*(_act(limited, Random(f"{seed}:{person}"), person) for person in range(6)))
        for number in range(10):
            await limited.webs[0].application.pause_pipeline()(f"p{number}")
        await limited.until_none(UNFINISHED)

    assert limited.errors == []
    assert await limited.count("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == 0
    over = "SELECT count(*) FROM slot_history h JOIN concurrency_limit l ON l.name = h.bucket WHERE h.held > l.limit_ AND NOT h.over_limit"
    assert await limited.count(over) == 0
    assert await limited.count("SELECT count(*) FROM slot_history WHERE NOT is_alone AND NOT over_limit") == 0
    assert await limited.count("SELECT count(*) FROM slot") == 0


async def test_a_raised_limit_starts_the_next_run_and_a_lowered_one_ends_none(limited: LimitedWebs) -> None:
    await limited.add_pipeline("sales", concurrency=[{"limit": 1}])
    runs = [await limited.trigger("sales", number) for number in range(4)]
    holding = "SELECT run_id FROM slot ORDER BY run_id"

    async with limited.running(workers=0):
        await _set_limit(limited, 3)
        await limited.until_none("SELECT 3 - count(*) FROM slot")
        assert [row[0] for row in await limited.query(holding)] == runs[:3]

        await _set_limit(limited, 1)
        await limited.webs[0].application.cancel_run()(runs[0])
        await limited.webs[1].application.cancel_run()(runs[1])
        await asyncio.sleep(0.3)  # time in which a wrong grant would happen
        assert [row[0] for row in await limited.query(holding)] == runs[2:3]

        await limited.webs[2].application.cancel_run()(runs[2])
        await limited.until_none(f"SELECT 1 - count(*) FROM slot WHERE run_id = {runs[3]}")
    assert limited.errors == []


async def test_values_of_a_key_and_priorities(limited: LimitedWebs) -> None:
    await limited.add_pipeline("sales", concurrency=[{"key": {"parameter": "customer"}, "limit": 1}], parameters={"type": "object"})
    values: list[dict[str, Any]] = [{"customer": "a"}, {"customer": 1}, {"customer": "1"}, {}]
    first = [await limited.trigger("sales", parameters=value) for value in values]
    low, high = [await limited.trigger("sales", parameters={"customer": "a"}, priority=priority) for priority in (-5, 5)]

    assert [row[0] for row in await limited.query("SELECT run_id FROM slot ORDER BY run_id")] == first
    async with limited.running(workers=0):
        await limited.webs[0].application.cancel_run()(first[0])
        await limited.until_none(f"SELECT 1 - count(*) FROM slot WHERE run_id = {high}")
    assert await limited.count(f"SELECT count(*) FROM slot WHERE run_id = {low}") == 0


async def test_an_approval_that_waits_lets_the_next_run_start(limited: LimitedWebs) -> None:
    await limited.add_pipeline("sales", [a_stage("load"), a_stage("ask", "approval"), a_stage("publish")], concurrency=[{"limit": 1}])
    runs = [await limited.trigger("sales") for _ in range(2)]

    async with limited.running(workers=1):
        await limited.until_none("SELECT 2 - count(*) FROM run WHERE status = 'waiting'")
        assert await limited.count("SELECT count(*) FROM slot") == 0
        for number, run_id in enumerate(runs):
            await limited.webs[number].application.decide_approval()(run_id, "ask", Decision(True), Actor("mara"))
        await limited.until_none(UNFINISHED)
    assert await limited.count("SELECT count(*) FROM run WHERE status = 'completed'") == 2


def _describe_pipeline(number: int) -> dict[str, Any]:
    """Return a definition whose runs or stages use groups, in an order that depends on the number."""
    order = [GROUPS[(number * step + number // 3) % 3] for step in (1, 2)]
    first, second = (order[0], order[1]) if order[0] != order[1] else (GROUPS[number % 3], GROUPS[(number + 1) % 3])
    policy = ("queue", "skip", "cancel_running", "keep_newest")[number % 4]
    schedules = [{"name": "often", "every": "5s", "overlap": "allow"}]
    keys: dict[str, Any] = {"name": f"p{number}", "schedules": schedules}
    if number % 2:
        groups = [{"group": first, "limit": 2, "when_full": policy}, {"group": second, "limit": 2, "when_full": policy}]
        return keys | {"stages": 2, "concurrency": [*groups, {"limit": 3}]}
    groups = [{"group": name, "limit": 2, "when_full": policy} for name in reversed(GROUPS)]
    return keys | {"stages": [a_stage("a", needs=[]), a_stage("b")], "concurrency": groups}


async def _act(limited: LimitedWebs, random: Random, person: int) -> None:
    """Trigger, cancel, retry and start runs over the limit, again and again."""
    end = asyncio.get_running_loop().time() + SECONDS
    runs: list[int] = []
    while asyncio.get_running_loop().time() < end:
        application = random.choice(limited.webs).application
        act = random.choice(("trigger", "trigger", "trigger", "cancel", "retry", "over the limit"))
        try:
            if act == "trigger" or not runs:
                runs.append(await limited.trigger(f"p{random.randrange(10)}", person, priority=random.choice((None, 5))))
            elif act == "cancel":
                await application.cancel_run()(random.choice(runs))
            elif act == "retry":
                await application.retry_run()(RetryRunCommand(random.choice(runs)))
            elif random.random() < 0.2:
                await application.start_over_limit()(random.choice(runs))
        except Conflict:
            pass
        except Unavailable as error:
            limited.errors.append(error)
        await asyncio.sleep(random.uniform(0.0, 0.05))


async def _set_limit(limited: LimitedWebs, limit: int) -> None:
    definition = {"name": "sales", "stages": [{"name": "a", "kind": "command", "command": ["true"]}], "concurrency": [{"limit": limit}]}
    await limited.webs[0].application.change_pipeline()("sales", definition)
