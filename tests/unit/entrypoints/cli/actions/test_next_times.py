from __future__ import annotations

import asyncio
import json
from typing import Any

from typer.testing import CliRunner, Result

from entrypoints.cli.app import app
from tests.support.builders import some_stages
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer

NIGHTLY = {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
HOURLY = {"name": "hourly", "every": "6h"}
ONCE = {"name": "once", "at": "2026-03-02T09:00:01"}


async def show(*arguments: str, schedules: Any = (), later: float = 0.0) -> Result:
    """Return what the command shows of a pipeline with these schedules, so many seconds after it was created."""
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()({"name": "flights", "stages": some_stages(1), "schedules": list(schedules)})
    headgate.fakes.clock.advance(later)
    server = LoopServer(headgate.app)
    await server.start()
    try:
        environment = {"HEADGATE_URL": server.url, "COLUMNS": "10000"}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["next", *arguments], env=environment))
    finally:
        await server.stop()


async def test_the_next_times_of_all_schedules_are_shown_in_order() -> None:
    result = await show("flights", "-n", "3", schedules=[NIGHTLY, HOURLY])

    assert [line.split("  ") for line in result.stdout.splitlines()] == [
        ["hourly", "2026-03-02 12:00:00", "UTC", "2026-03-02 12:00:00 UTC"],
        ["hourly", "2026-03-02 18:00:00", "UTC", "2026-03-02 18:00:00 UTC"],
        ["hourly", "2026-03-03 00:00:00", "UTC", "2026-03-03 00:00:00 UTC"],
    ]


async def test_ten_times_are_shown_with_notes_about_clock_changes() -> None:
    result = await show("flights", schedules=[NIGHTLY], later=20 * 86_400)

    lines = result.stdout.splitlines()
    assert len(lines) == 10
    assert lines[6].endswith("2026-03-29 01:00:00 UTC  moved by the clock change: 02:30 does not exist on 2026-03-29")


async def test_programs_get_json() -> None:
    result = await show("flights", "-n", "1", "--json", schedules=[NIGHTLY])

    (time,) = json.loads(result.stdout)
    assert (time["schedule"], time["at"], time["local"]) == ("nightly", "2026-03-03T01:30:00Z", "2026-03-03T02:30:00+01:00")


async def test_a_pipeline_without_times_to_come_says_so() -> None:
    assert (await show("flights")).stdout == "flights has no schedule.\n"
    assert (await show("flights", schedules=[ONCE], later=60)).stdout == "flights has no schedule that fires again.\n"


async def test_an_unknown_pipeline_is_an_error() -> None:
    result = await show("other")

    assert result.exit_code == 2
    assert "there is no pipeline other" in result.stderr
