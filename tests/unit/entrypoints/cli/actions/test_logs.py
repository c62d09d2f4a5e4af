"""`headgate logs`."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from entrypoints.cli.actions.logs import parse_since
from entrypoints.cli.client.headgate_client import HeadgateClient
from entrypoints.cli.client.log_follower import PAGE_SIZE, LogFollower, LogQuery
from entrypoints.cli.screens.sanitizer import sanitize
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import LoopServer
from tests.support.terminal import run_command
from tests.support.waiting import eventually


async def a_headgate() -> InProcessHeadgate:
    """Return one with a run of two stages, each of which wrote lines, a minute apart."""
    headgate = InProcessHeadgate()
    await headgate.api.create_pipeline("etl", {"name": "load", "kind": "external"}, {"name": "publish", "kind": "external"})
    run_id = await headgate.api.trigger("etl")
    now = headgate.fakes.clock.now()
    await headgate.stories.append_log(run_id, "load", ["read 3 files", "!warning: \x1b[31mthe disk\x1b[0m is slow", "done"], at=now)
    await headgate.stories.append_log(run_id, "publish", ["published"], at=now + timedelta(minutes=1))
    return headgate


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["load    | read 3 files", "load    | warning: the disk is slow", "load    | done", "publish | published"]),
        (("publish",), ["published"]),
        (("load", "--tail", "1"), ["done"]),
        (("--tail", "2"), ["load    | done", "publish | published"]),
        (("--stderr",), ["load    | warning: the disk is slow"]),
        (("--search", "THE DISK"), ["load    | warning: the disk is slow"]),
        (("load", "--attempt", "1", "--search", "files"), ["read 3 files"]),
        (("--since", "2026-03-02T09:00:30+00:00"), ["publish | published"]),
        (("publish", "--timestamps"), ["2026-03-02T09:01:00Z  published"]),
    ],
)
async def test_the_selected_lines_are_printed(options: tuple[str, ...], expected: list[str]) -> None:
    result = await run_command(await a_headgate(), "logs", "etl#1", *options)

    assert (result.exit_code, result.stdout.splitlines()) == (0, expected), result.output


@pytest.mark.parametrize(("text", "minutes"), [("90", 1.5), ("90s", 1.5), ("10m", 10), ("1h30m", 90), ("2026-03-02T08:50:00+00:00", 10)])
def test_a_time_is_given_as_it_is_or_by_its_distance_from_now(text: str, minutes: float) -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)

    assert parse_since(text, now) == now - timedelta(minutes=minutes)


async def test_lines_are_printed_as_json_for_programs() -> None:
    result = await run_command(await a_headgate(), "logs", "1", "publish", "--json")

    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["published"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("etl#2",), "There is no run etl#2."),
        (("etl#1", "nothing"), "There is no stage nothing"),
        (("etl#1", "--since", "soon"), "--since: soon is neither a time"),
    ],
)
async def test_what_does_not_exist_is_exit_code_2(words: tuple[str, ...], reason: str) -> None:
    result = await run_command(await a_headgate(), "logs", *words)

    assert result.exit_code == 2 and reason in result.stderr


@pytest.mark.parametrize(("status", "code"), [("completed", 0), ("failed", 1)])
async def test_following_ends_with_the_run_and_tells_how_it_ended(status: str, code: int) -> None:
    headgate = await a_headgate()
    await headgate.api.report(run_id=1, stage_name="load", status="completed")
    await headgate.api.report(run_id=1, stage_name="publish", status=status)

    result = await run_command(headgate, "logs", "etl#1", "publish", "--follow")

    assert (result.exit_code, result.stdout, result.stderr) == (code, "published\n", f"etl#1 {status}\n")


class FinishedRun(HeadgateClient):
    """A run that is over, with lines for two full pages; the last two were not finished."""

    FINISHED = 2 * PAGE_SIZE - 2

    async def get(self, path: str, **query: Any) -> Any:
        if not path.endswith("/logs"):
            return {"status": "failed"}
        lines = [{"n": n} for n in range(query["after"] + 1, self.FINISHED + 1)]
        return lines[:PAGE_SIZE] if len(lines) > PAGE_SIZE else [*lines, *[{"n": self.FINISHED, "unfinished": True}] * 2]


async def test_following_prints_unfinished_lines_once_if_they_fill_a_page() -> None:
    async with FinishedRun("http://localhost") as client:
        lines = [line async for line in LogFollower(client, LogQuery("etl#1"), poll_seconds=0.01).follow()]

    assert len(lines) == 2 * PAGE_SIZE and [bool(line.get("unfinished")) for line in lines[-3:]] == [False, True, True]


async def test_following_prints_each_line_once_and_survives_an_outage() -> None:
    headgate = await a_headgate()
    server = LoopServer(headgate.app)
    await server.start()
    seen: list[str] = []

    async def follow() -> None:
        async with HeadgateClient(server.url) as client:
            async for line in LogFollower(client, LogQuery("etl#1"), poll_seconds=0.01).follow():
                seen.append(line["text"])

    following = asyncio.create_task(follow())
    try:
        await eventually(lambda: len(seen) == 4)
        headgate.fakes.store.is_down = True
        async with HeadgateClient(server.url) as client:
            with pytest.raises(Exception, match=r"."):
                await client.get("/runs/1")
        headgate.fakes.store.is_down = False
        await headgate.stories.append_log(1, "publish", ["after the outage"], first=1, at=headgate.fakes.clock.now())
        await eventually(lambda: len(seen) == 5)
        for stage in ("load", "publish"):
            await headgate.api.report(run_id=1, stage_name=stage, status="completed")
        await asyncio.wait_for(following, 20)
    finally:
        following.cancel()
        await server.stop()

    assert [sanitize(text) for text in seen] == ["read 3 files", "warning: the disk is slow", "done", "published", "after the outage"]
