"""A line without its end is shown while the stage runs, and the finished line replaces it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from adapters.system.secret_store import LocalSecretStore
from application.queries.views.logs import LogFilter
from tests.support.served_headgate import ServedHeadgate
from tests.support.waiting import eventually
from tests.unit.entrypoints.worker.running_worker import running_worker, sh

SECRET = "s3cr3t-canary-value"

Shown = list[tuple[str, str]]


async def get_unfinished(web: ServedHeadgate, run_id: int) -> Shown:
    return [(line.stream, line.text) for line in await web.fakes.reader.unfinished_lines(run_id, LogFilter(), 0)]


async def wait_until_shown(web: ServedHeadgate, run_id: int, expected: Shown) -> None:
    shown: Shown = []
    try:
        async with asyncio.timeout(60):
            while (shown := await get_unfinished(web, run_id)) != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"shown are {shown}, not {expected}") from None


@pytest.mark.parametrize(
    ("printed", "shown", "end", "lines"),
    [
        (r"\r1 of 6\r2 of 6", [("stdout", "2 of 6")], r"\r6 of 6\n", ["6 of 6"]),
        ("working", [("stdout", "working")], r" done\n", ["working done"]),
        ("first\\nProceed [y/N] ", [("stdout", "Proceed [y/N] ")], "no", ["first", "Proceed [y/N] no"]),
        (r" 10%%\b\b\b\b 50%%", [("stdout", " 50%")], r"\b\b\b\b100%%\n", ["100%"]),
        (r"\033[32m## 20%%\033[0m\r\033[K#### 40%%", [("stdout", "#### 40%")], r"\r\033[Kready\n", ["ready"]),
        (r"größe 1\rgröße 2", [("stdout", "größe 2")], r"\n", ["größe 2"]),
        (r"old bar 100%%\r", [("stdout", "old bar 100%")], r"new\033[K\n", ["new"]),
    ],
)
async def test_the_state_of_an_unfinished_line_is_shown_until_it_is_finished(
    web: ServedHeadgate, tmp_path: Path, printed: str, shown: Shown, end: str, lines: list[str]
) -> None:
    go = tmp_path / "go"
    pipeline = await web.create_pipeline(sh("s", f"printf '{printed}'; until [ -e {go} ]; do sleep 0.02; done; printf '{end}'"))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await wait_until_shown(web, run_id, shown)
        go.touch()
        await web.wait_until_over(run_id)
        await wait_until_shown(web, run_id, [])
        assert web.get_log(run_id, "s")[1:] == [("stdout", line) for line in lines]


async def test_both_streams_have_an_unfinished_line(web: ServedHeadgate, tmp_path: Path) -> None:
    go = tmp_path / "go"
    pipeline = await web.create_pipeline(sh("s", f"printf out; printf err >&2; until [ -e {go} ]; do sleep 0.02; done; echo"))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await wait_until_shown(web, run_id, [("stdout", "out"), ("stderr", "err")])
        go.touch()
        await wait_until_shown(web, run_id, [])


async def test_a_bar_that_moves_stores_one_line_and_sends_few_requests(web: ServedHeadgate, tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 20000 ]; do printf '\\r%s of 20000' $i; i=$((i+1)); done; echo"
    pipeline = await web.create_pipeline(sh("s", script))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await web.wait_until_over(run_id)
        await eventually(lambda: len(web.get_log(run_id, "s")) == 2)

    assert web.get_log(run_id, "s")[1:] == [("stdout", "19999 of 20000")]
    assert len([path for path, _ in web.faults.requests if path.endswith("/logs")]) < 50


async def test_a_secret_in_an_unfinished_line_is_masked(web: ServedHeadgate, tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f'printf "token %s and " "$A"; printf %.7s "$A"; until [ -e {go} ]; do sleep 0.02; done; echo'
    pipeline = await web.create_pipeline(sh("s", script, secrets={"A": "A"}))

    async with running_worker(web, tmp_path, secrets=LocalSecretStore(None, {"HEADGATE_SECRET_A": SECRET})):
        run_id = await web.trigger(pipeline)
        await wait_until_shown(web, run_id, [("stdout", "token *** and ")])
        go.touch()
        await web.wait_until_over(run_id)


async def test_the_unfinished_line_survives_a_restart_of_the_web(web: ServedHeadgate, tmp_path: Path) -> None:
    go = tmp_path / "go"
    pipeline = await web.create_pipeline(sh("s", f"printf one; until [ -e {go} ]; do sleep 0.02; done; echo ' line'"))

    async with running_worker(web, tmp_path):
        run_id = await web.trigger(pipeline)
        await wait_until_shown(web, run_id, [("stdout", "one")])
        await web.stop()
        go.touch()
        await web.start()
        await web.wait_until_over(run_id)
        await wait_until_shown(web, run_id, [])

    assert web.get_log(run_id, "s")[1:] == [("stdout", "one line")]
