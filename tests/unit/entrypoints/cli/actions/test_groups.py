"""`headgate groups`, `start-over-limit` and the options of `trigger` about concurrency limits."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from entrypoints.cli.app import app
from tests.support.in_process import InProcessHeadgate
from tests.support.limited_pipelines import add_limited_pipelines, trigger
from tests.support.servers import LoopServer


async def a_headgate(runs: int = 2) -> tuple[InProcessHeadgate, list[int]]:
    headgate = InProcessHeadgate()
    await add_limited_pipelines(headgate)
    return headgate, [await trigger(headgate) for _ in range(runs)]


async def run(headgate: InProcessHeadgate, *arguments: str) -> Result:
    server = LoopServer(headgate.app)
    await server.start()
    try:
        environment = {"HEADGATE_URL": server.url, "COLUMNS": "10000", "TZ": "UTC"}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, [*arguments], env=environment))
    finally:
        await server.stop()


def lines(result: Result) -> list[str]:
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


async def test_the_groups_are_listed_with_their_slots() -> None:
    headgate, _ = await a_headgate()

    result = await run(headgate, "groups")

    assert (result.exit_code, lines(result)) == (0, ["warehouse 1 of 1 in use 1 waiting reports and sales"])
    assert (await run(InProcessHeadgate(), "groups")).stdout == "No pipeline uses a group.\n"


async def test_a_group_shows_its_holders_and_its_queue() -> None:
    headgate, _ = await a_headgate()
    await trigger(headgate, priority=5)

    shown = lines(await run(headgate, "groups", "warehouse"))

    assert shown[0] == "warehouse: 1 of 1 in use"
    assert any(line.startswith("sales#1 whole run since ") for line in shown)
    assert any(line.startswith("1. sales#3 ") and line.endswith("priority +5") for line in shown)
    assert any(line.startswith("2. sales#2 ") for line in shown)


async def test_a_limit_is_set_and_given_back() -> None:
    headgate, _ = await a_headgate()

    changed = await run(headgate, "groups", "warehouse", "--limit", "6")
    reset = await run(headgate, "groups", "warehouse", "--reset")

    assert "of 6 in use, set by an admin" in lines(changed)[0]
    assert lines(reset)[0].endswith("of 1 in use")


async def test_json_is_what_the_api_returns() -> None:
    headgate, _ = await a_headgate()

    result = await run(headgate, "groups", "warehouse", "--json")

    assert json.loads(result.stdout) == (await headgate.client.get("/groups/warehouse")).json()


async def test_an_unknown_group_is_exit_code_2() -> None:
    result = await run(InProcessHeadgate(), "groups", "nothing")

    assert (result.exit_code, "There is no group nothing." in result.output) == (2, True)


@pytest.mark.parametrize(
    "arguments", [["--limit", "4"], ["--reset"], ["warehouse", "--limit", "4", "--reset"], ["warehouse", "--limit", "0"]]
)
async def test_options_that_do_not_fit_are_refused(arguments: list[str]) -> None:
    assert (await run(InProcessHeadgate(), "groups", *arguments)).exit_code == 2


async def test_a_run_starts_over_the_limit() -> None:
    headgate, (_, second) = await a_headgate()

    started = await run(headgate, "start-over-limit", str(second))
    again = await run(headgate, "start-over-limit", str(second))

    assert started.exit_code == 0 and "sales#2" in started.stdout
    assert again.exit_code == 2
    assert (await headgate.client.get(f"/runs/{second}")).json()["over_limit"] is True


async def test_a_trigger_takes_a_priority_and_starts_over_the_limit() -> None:
    headgate, _ = await a_headgate(runs=1)

    waits = json.loads((await run(headgate, "trigger", "sales", "--priority", "-5", "--json")).stdout)
    starts = json.loads((await run(headgate, "trigger", "sales", "--over-limit", "--json")).stdout)

    found = [(await headgate.client.get(f"/runs/{each['run_id']}")).json() for each in (waits, starts)]
    assert [(each["priority"], each["reason"], each["over_limit"]) for each in found] == [(-5, "limit", False), (0, None, True)]


async def test_the_status_of_a_waiting_run_says_why() -> None:
    headgate, (_, second) = await a_headgate()

    assert "Waits for warehouse: 1 of 1 is held by sales#1; 1st in line." in (await run(headgate, "status", str(second))).stdout
    assert "Waits for warehouse" in (await run(headgate, "status")).stdout
    waiting, holding = lines(await run(headgate, "status", "sales"))[-2:]
    assert waiting.startswith("sales#2 queued") and waiting.endswith("waits for a slot")
    assert holding.startswith("sales#1 ") and "waits" not in holding
