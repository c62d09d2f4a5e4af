"""Reasons for runs that did not happen, produced on real PostgreSQL by the tick service and found by terminal, API and page.

Only the clock is set by the test: a day of work takes no day.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from adapters.persistence.database import Database
from application.commands.runs.run_opener import TriggerCommand
from domain.access.actor import Actor
from domain.runs.trigger import Trigger
from entrypoints.cli.app import app
from tests.integration.persistence.database_helpers import a_started_database
from tests.support.schedules import ScheduledHeadgate
from tests.support.servers import LoopServer

HOUR, DAY = 3_600, 86_400
ADA = Actor("ada")
TODAY, CLOCK_CHANGE = "2026-03-02", "2026-03-29"


class WhyHeadgate(ScheduledHeadgate):
    """It is nine in the morning, UTC, on Monday 2 March 2026."""

    async def cancel_runs(self) -> None:
        for run in await self.reader.runs(pipeline_id=None, status=None, skip=0, limit=100):
            if not run.status.is_terminal:
                await self.application.cancel_run()(run.id, ADA)

    @property
    def reader(self) -> Any:
        return self.application.adapters.reader()

    async def find(self, name: str, day: str, reason: str | None) -> list[str]:
        """Return the sentences with this reason, after checking that the terminal, the API and the page say the same."""
        body = (await self.client.get(f"/pipelines/{name}/why", params={"day": day})).json()
        text = (await self.client.get(f"/pipelines/{name}/why", params={"day": day}, headers={"Accept": "text/plain"})).text
        page = (await self.page_client.get(f"/ui/pipelines/{name}", params={"day": day})).text
        shown = " ".join(html.unescape(re.sub(r"<[^>]*>", "", page[page.index('id="why"') :])).split())
        printed = await self._print(name, day)
        for entry in body["entries"]:
            assert entry["sentence"] in text and entry["sentence"] in printed and entry["sentence"] in shown
        return [entry["sentence"] for entry in body["entries"] if entry["reason"] == reason]

    async def _print(self, name: str, day: str) -> str:
        server = LoopServer(self.app)
        await server.start()
        try:
            environment = {"HEADGATE_URL": server.url, "COLUMNS": "10000"}
            result = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["why", name, day], env=environment))
        finally:
            await server.stop()
        return result.stdout


@pytest.fixture
async def headgate(database_url: str) -> AsyncIterator[WhyHeadgate]:
    async with a_started_database(database_url) as database:
        yield WhyHeadgate(ports=_get_ports(database))


def _get_ports(database: Database) -> dict[str, Any]:
    return {name: getattr(database, name) for name in ("reader", "change_feed", "open_unit_of_work")}


async def test_a_run_that_was_not_over(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules()
    await headgate.pass_time(2 * HOUR, HOUR)
    headgate.fakes.clock.advance(12 * 60)
    await headgate.cancel_runs()

    assert await headgate.find("nightly", TODAY, "overlap") == ["11:00 skipped: #1 ran until 11:12"]


async def test_a_pause(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules()
    await headgate.application.pause_schedule()("nightly", "main", None, ADA)
    await headgate.pass_time(2 * HOUR)

    during = await headgate.find("nightly", TODAY, "paused")
    await headgate.application.resume_pipeline()("nightly", ADA)
    await headgate.application.pause_pipeline()("nightly", None, ADA)

    assert during == ["10:00–11:00 paused by ada, 2 runs", "12:00–23:00 will not run while it is paused by ada, 12 runs"]
    assert await headgate.find("nightly", "2026-03-05", "paused") == ["00:00–23:00 will not run while it is paused by ada, 24 runs"]


async def test_downtime(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules(every="10m", catch_up="none")
    headgate.fakes.clock.advance(2 * HOUR + 5 * 60)
    await headgate.tick()

    assert await headgate.find("nightly", TODAY, "outage") == ["09:10–11:00 Headgate was down, 12 runs"]


async def test_a_long_downtime_is_counted_on_each_of_its_days(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules(every="1m", catch_up="none")
    headgate.fakes.clock.advance(3 * DAY)
    await headgate.tick()

    assert await headgate.find("nightly", "2026-03-03", "outage") == ["00:00–23:59 Headgate was down, 1,440 runs"]
    assert await headgate.find("nightly", "2026-03-05", "outage") == ["00:00–08:58 Headgate was down, 539 runs"]


async def test_a_clock_change(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules(cron="30 2 * * *", timezone="Europe/Berlin", catch_up="none", overlap="allow")
    headgate.fakes.clock.advance((datetime.fromisoformat(f"{CLOCK_CHANGE}T01:00:30Z") - headgate.fakes.clock.now()).total_seconds())
    await headgate.tick()
    await headgate.cancel_runs()

    moved = "02:30 did not exist that day: clocks went from 02:00 to 03:00; it ran at 03:00: #1 was cancelled"
    assert await headgate.find("nightly", CLOCK_CHANGE, None) == [moved]


async def test_a_full_disk(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules()
    headgate.fakes.disk_space.sentence = "2 MB are free."
    await headgate.pass_time(2 * HOUR, HOUR)

    assert await headgate.find("nightly", TODAY, "disk_full") == ["10:00–11:00 did not run: the disk was too full, 2 runs: 2 MB are free"]


async def test_a_limit_that_is_reached(headgate: WhyHeadgate) -> None:
    schedule = {"name": "main", "every": "1h", "overlap": "allow"}
    await headgate.add_schedules("waits", schedule, limits=[{"limit": 1}])
    await headgate.add_schedules("skips", schedule, limits=[{"limit": 1, "when_full": "skip"}])
    await headgate.pass_time(2 * HOUR, HOUR)

    (waits,), (skips,) = [await headgate.find(name, TODAY, "limit") for name in ("waits", "skips")]

    assert re.fullmatch(r"11:00 fired: #\d is queued\. Waits for a slot of waits: 1 of 1 is held by #1; 1st in line\.", waits)
    assert skips.startswith("11:00 skipped: ")


async def test_a_queue_that_is_full(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules("busy", {"name": "main", "every": "1h"}, limits=[{"limit": 1}])
    trigger = headgate.application.trigger_pipeline()
    commands = [TriggerCommand(1, {}, Trigger("api", "ada"), actor=ADA) for _ in range(1_001)]
    for start in range(0, len(commands), 100):
        await asyncio.gather(*(trigger(command) for command in commands[start : start + 100]))
    await headgate.pass_time(HOUR)

    (sentence,) = await headgate.find("busy", TODAY, "queue_full")

    assert sentence == "10:00 skipped: 1,000 requests wait for a slot of busy, the maximum. busy was not started"


async def test_a_date_in_skip(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules(cron="30 2 * * *", skip=["2026-12-25"])

    assert await headgate.find("nightly", "2026-12-25", "skip_date") == ["02:30 not due: 25 December is in `skip` of main"]


async def test_expected_runs_that_no_machine_reported(headgate: WhyHeadgate) -> None:
    raw = {"name": "dump", "stages": [{"name": "copy", "kind": "external"}], "expect": [{"every": "1h", "grace": "10m"}]}
    await headgate.application.create_pipeline()(raw)
    headgate.fakes.clock.advance(HOUR)
    await headgate.api.report(pipeline_id="dump", stage_name="copy", status="running")
    await headgate.api.report(pipeline_id="dump", stage_name="copy", status="completed")
    headgate.fakes.clock.advance(2 * HOUR + timedelta(minutes=15).total_seconds())

    missed = await headgate.find("dump", TODAY, "not_reported")

    assert missed == ["11:00–12:00 missed, 2 runs: no machine reported a run in time"]
    assert await headgate.find("dump", TODAY, "reported") == ["10:00 was reported: #1 completed"]


async def test_a_definition_that_came_later(headgate: WhyHeadgate) -> None:
    await headgate.add_schedules(cron="0 8,20 * * *")
    headgate.fakes.clock.advance(60)
    await headgate.change_schedules("nightly", {"name": "main", "cron": "0 8,21 * * *"})

    assert await headgate.find("nightly", TODAY, "not_defined") == ["08:00 not due: main was added at 09:00, by revision 1"]
    assert await headgate.find("nightly", TODAY, "to_come") == ["21:00 still to come"]
