from __future__ import annotations

import asyncio
import json

from typer.testing import CliRunner, Result

from entrypoints.cli.app import app
from tests.support.schedules import ScheduledHeadgate
from tests.support.servers import LoopServer


async def run(headgate: ScheduledHeadgate, *arguments: str) -> Result:
    server = LoopServer(headgate.app)
    await server.start()
    try:
        environment = {"HEADGATE_URL": server.url, "COLUMNS": "10000"}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["why", *arguments], env=environment))
    finally:
        await server.stop()


async def test_each_entry_of_the_day_is_a_line() -> None:
    headgate = ScheduledHeadgate()
    await headgate.add_schedules(cron="0 10,11 * * *")
    await headgate.pass_time(7_200, 3_600)

    result = await run(headgate, "nightly", "2026-03-02")

    assert [line.split("  ") for line in result.stdout.splitlines()] == [
        ["nightly on 2026-03-02"],
        ["main", "10:00 fired: #1 is queued"],
        ["main", "11:00 skipped: #1 is not over yet"],
    ]


async def test_today_is_the_default_and_programs_get_json() -> None:
    headgate = ScheduledHeadgate()
    await headgate.add_schedules(cron="0 10 * * *")

    result = await run(headgate, "nightly", "--json")
    yesterday = await run(headgate, "nightly", "yesterday", "--json")

    found = json.loads(result.stdout)
    assert (found["day"], found["entries"][0]["sentence"]) == ("2026-03-02", "10:00 still to come")
    assert json.loads(yesterday.stdout)["day"] == "2026-03-01"


async def test_a_day_that_is_none_and_an_unknown_pipeline_are_errors() -> None:
    headgate = ScheduledHeadgate()
    await headgate.add_schedules()

    refused, unknown = await run(headgate, "nightly", "soon"), await run(headgate, "other")

    assert (refused.exit_code, unknown.exit_code) == (2, 2)
    assert "2026-11-27, today or yesterday" in refused.stderr
    assert "there is no pipeline other" in unknown.stderr
