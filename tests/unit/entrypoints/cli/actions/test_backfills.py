from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner, Result

from domain.runs.status import Status
from entrypoints.cli.app import app
from tests.support.backfills import BackfilledHeadgate
from tests.support.forked_commands import build_forked_argv
from tests.support.servers import LoopServer

RANGE = ("--from", "2026-02-01", "--to", "2026-02-10")


@pytest.fixture
async def headgate() -> BackfilledHeadgate:
    headgate = BackfilledHeadgate()
    await headgate.add_schedules(cron="30 2 * * *", timezone="Europe/Berlin")
    return headgate


@asynccontextmanager
async def serving(headgate: BackfilledHeadgate) -> AsyncIterator[str]:
    server = LoopServer(headgate.app)
    await server.start()
    try:
        yield server.url
    finally:
        await server.stop()


async def run(headgate: BackfilledHeadgate, *arguments: str, stdin: str = "") -> Result:
    async with serving(headgate) as url:
        environment = {"HEADGATE_URL": url, "COLUMNS": "10000", "TZ": "UTC"}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, [*arguments], input=stdin, env=environment))


async def test_a_dry_run_shows_the_count_and_starts_nothing(headgate: BackfilledHeadgate) -> None:
    result = await run(headgate, "backfill", "nightly", *RANGE, "--parallel", "4", "--dry-run")

    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "nightly, main: 10 ticks to run",
            "first 2026-02-01 02:30 CET, last 2026-02-10 02:30 CET",
            "oldest first, 4 at a time; no run has completed yet, so the duration is unknown",
        ],
    )
    assert headgate.fakes.store.committed.backfills == {}


async def test_a_dry_run_as_json_is_the_preview(headgate: BackfilledHeadgate) -> None:
    result = await run(headgate, "backfill", "nightly", *RANGE, "--dry-run", "--json")

    assert json.loads(result.stdout)["ticks"] == 10


async def test_without_a_terminal_it_starts_at_once(headgate: BackfilledHeadgate) -> None:
    result = await run(headgate, "backfill", "nightly", *RANGE, "--order", "newest", "--existing", "all")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].startswith("backfill 1 of nightly: started  http://")
    backfill = headgate.find_backfill()
    assert (backfill.plan.order, backfill.plan.existing, backfill.progress.pending) == ("newest", "all", 10)


@pytest.mark.parametrize(("answer", "count"), [("y", 1), ("yes", 1), ("n", 0), ("", 0)])
async def test_in_a_terminal_it_asks_first(headgate: BackfilledHeadgate, answer: str, count: int) -> None:
    async with serving(headgate) as url:
        code, output = await asyncio.to_thread(run_in_terminal, url, answer, "backfill", "nightly", *RANGE)

    assert "Start it? [y/N]" in output
    assert (code, len(headgate.fakes.store.committed.backfills)) == (1 - count, count)


def run_in_terminal(url: str, answer: str, *arguments: str) -> tuple[int, str]:
    """Run the command with a terminal as its standard input, and type the answer."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        environment = {**os.environ, "HEADGATE_URL": url}
        command = build_forked_argv(*arguments)
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, env=environment, timeout=120, check=False)
        return done.returncode, done.stdout
    finally:
        os.close(ours)
        os.close(theirs)


async def test_parameters_are_read_as_the_trigger_reads_them(headgate: BackfilledHeadgate) -> None:
    await headgate.add_schedules(
        "typed", cron="30 2 * * *", schema={"properties": {"rows": {"type": "integer"}, "day": {"type": "string"}}}
    )

    good = await run(headgate, "backfill", "typed", *RANGE, "-p", "rows=7", "-p", "day=x")
    bad = await run(headgate, "backfill", "typed", *RANGE, "-p", "rows=many")

    assert good.exit_code == 0, good.output
    assert headgate.find_backfill().plan.parameters == {"rows": 7, "day": "x"}
    assert (bad.exit_code, "rows" in bad.stderr) == (2, True)


async def test_nothing_is_started_if_every_tick_has_a_run(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(parallel=10)
    await headgate.step()

    result = await run(headgate, "backfill", "nightly", *RANGE)

    assert (result.exit_code, result.stdout) == (0, "nightly, main: 0 ticks to run, 10 skipped because they have runs\n")
    assert len(headgate.fakes.store.committed.backfills) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("backfill", "unknown", *RANGE), "there is no pipeline unknown"),
        (("backfill", "nightly", "--from", "soon", "--to", "2026-02-10"), "from: must be a date or a time"),
        (("backfill", "nightly", *RANGE, "--schedule", "nope"), "There is no schedule nope in pipeline nightly."),
        (("backfill", "nightly", *RANGE, "--order", "random"), "order"),
        (("backfills", "unknown"), "There is no pipeline unknown."),
        (("backfill-pause", "9"), "There is no backfill 9."),
        (("backfill-resume", "9"), "There is no backfill 9."),
        (("backfill-cancel", "9"), "There is no backfill 9."),
    ],
)
async def test_what_is_wrong_is_named(headgate: BackfilledHeadgate, arguments: tuple[str, ...], words: str) -> None:
    result = await run(headgate, *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


async def test_it_is_paused_resumed_and_cancelled_with_its_runs(headgate: BackfilledHeadgate) -> None:
    await headgate.start_backfill(parallel=2)
    await headgate.step()

    results = [await run(headgate, *arguments) for arguments in (("backfill-pause", "1"), ("backfill-resume", "1"))]
    cancelled = await run(headgate, "backfill-cancel", "1", "--runs", "--json")

    assert [result.stdout.partition("  http")[0] for result in results] == [
        "backfill 1 of nightly: paused, 0 of 10 completed, 2 running",
        "backfill 1 of nightly: running, 0 of 10 completed, 2 running",
    ]
    assert json.loads(cancelled.stdout)["state"] == "cancelled"
    assert headgate.list_unfinished() == []


async def test_backfills_are_listed_newest_first(headgate: BackfilledHeadgate) -> None:
    none = await run(headgate, "backfills", "nightly")
    await headgate.start_backfill()
    await headgate.start_backfill(cron="0 12 * * *", until="2026-02-03")

    listed = await run(headgate, "backfills")
    as_json = await run(headgate, "backfills", "nightly", "--json")

    assert none.stdout == "nightly has no backfills.\n"
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in listed.stdout.splitlines()]
    assert rows == [
        ["2", "nightly", "0 12 * * *", "2026-02-01 00:00 UTC to 2026-02-03 23:59 UTC", "running, 0 of 3 completed"],
        ["1", "nightly", "main", "2026-02-01 00:00 CET to 2026-02-10 23:59 CET", "running, 0 of 10 completed"],
    ]
    assert [each["id"] for each in json.loads(as_json.stdout)] == [2, 1]


@pytest.mark.parametrize(("status", "code"), [(Status.COMPLETED, 0), (Status.FAILED, 1)])
async def test_watching_shows_the_progress_until_the_end(
    headgate: BackfilledHeadgate, monkeypatch: pytest.MonkeyPatch, status: Status, code: int
) -> None:
    monkeypatch.setattr("entrypoints.cli.client.backfill_watcher.POLL_SECONDS", 0.01)

    async def run_everything() -> None:
        while not headgate.fakes.store.committed.backfills or headgate.find_backfill().finished_at is None:
            await headgate.step()
            for each in headgate.list_unfinished():
                await headgate.end_run(each, status)
            await asyncio.sleep(0.01)

    running = asyncio.ensure_future(run_everything())
    result = await run(headgate, "backfill", "nightly", "--from", "2026-02-01", "--to", "2026-02-03", "--watch")
    await running

    assert result.exit_code == code, result.output
    assert result.stdout.splitlines()[-1] == ("completed, 3 of 3 completed" if code == 0 else "completed, 0 of 3 completed, 3 failed")
