from __future__ import annotations

import asyncio
import json
from typing import Any

from typer.testing import CliRunner, Result

from entrypoints.cli.app import app
from tests.support.schedules import ScheduledHeadgate
from tests.support.servers import LoopServer


async def show(headgate: ScheduledHeadgate, *arguments: str) -> Result:
    return await run(headgate, "schedules", *arguments)


async def run(headgate: ScheduledHeadgate, *arguments: str) -> Result:
    server = LoopServer(headgate.app)
    await server.start()
    try:
        environment = {"HEADGATE_URL": server.url, "COLUMNS": "10000", "TZ": "UTC"}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, [*arguments], env=environment))
    finally:
        await server.stop()


async def a_headgate() -> ScheduledHeadgate:
    headgate = ScheduledHeadgate()
    await headgate.add_schedules("nightly", {"name": "main", "cron": "0 * * * *"}, {"name": "once", "at": "2026-03-02T09:10"})
    await headgate.add_schedules("weekly", every="40m")
    await headgate.add_schedules("manual", every="1h")
    await headgate.change_schedules("manual")
    await headgate.pass_time(3_600, step=600)
    await headgate.client.post("/pipelines/weekly/schedules/main/pause", json={"until": "2026-03-02T12:00:00Z"})
    return headgate


def cells(result: Result) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in result.stdout.splitlines()]


async def test_all_schedules_are_shown_those_that_fire_next_first() -> None:
    result = await show(await a_headgate())

    assert result.exit_code == 0, result.output
    rows = [[cell.strip() for cell in row] for row in cells(result)]
    assert [row[:2] for row in rows] == [["nightly", "main"], ["nightly", "once"], ["weekly", "main"]]
    assert "At the start of every hour, UTC" in rows[0] and any(cell.startswith("next 2026-03-02 11:00") for cell in rows[0])
    assert any(cell.startswith("last 2026-03-02 10:00") and cell.endswith("fired") for cell in rows[0])
    assert "no next time" in rows[1]
    assert "Every 40 minutes" in rows[2] and any(cell.startswith("paused until 2026-03-02 12:00") for cell in rows[2])


async def test_the_schedules_of_one_pipeline_are_printed_as_json() -> None:
    result = await show(await a_headgate(), "nightly", "--json")

    found: list[dict[str, Any]] = json.loads(result.stdout)
    assert [(each["pipeline"], each["name"], each["next_at"]) for each in found] == [
        ("nightly", "main", "2026-03-02T11:00:00Z"),
        ("nightly", "once", None),
    ]


async def test_a_pipeline_without_schedules_and_an_unknown_one_are_named() -> None:
    headgate = await a_headgate()

    none, unknown = await show(headgate, "manual"), await show(headgate, "flights")

    assert (none.exit_code, none.stdout) == (0, "manual has no schedule.\n")
    assert unknown.exit_code == 2 and "there is no pipeline flights" in unknown.output


async def test_one_schedule_is_paused_resumed_and_run_now() -> None:
    headgate = await a_headgate()

    paused = await run(headgate, "pause", "nightly", "--schedule", "main", "--until", "2026-03-03T08:00")
    resumed = await run(headgate, "resume", "nightly", "--schedule", "main", "--json")
    queued = await run(headgate, "run-now", "nightly", "main")

    assert paused.stdout == "nightly main: paused until 2026-03-03 08:00 UTC\n"
    assert json.loads(resumed.stdout)["paused"] is False
    (newest,) = (await headgate.client.get("/pipelines/nightly/runs?limit=1")).json()
    assert queued.stdout.startswith(f"nightly#{newest['number']} {newest['status']}  http://")
    assert queued.stdout.endswith(f"/ui/runs/{newest['id']}\n")


async def test_a_schedule_that_does_not_exist_is_named() -> None:
    headgate = await a_headgate()

    for arguments in (
        ("pause", "nightly", "--schedule", "nope"),
        ("resume", "nightly", "--schedule", "nope"),
        ("run-now", "nightly", "nope"),
    ):
        result = await run(headgate, *arguments)

        assert (result.exit_code, result.stdout) == (2, "")
        assert "nope" in result.stderr
