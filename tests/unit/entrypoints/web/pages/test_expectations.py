"""Runs that other machines start, and whether they come in time, on the board and on a pipeline's page."""

import re
from html import unescape
from typing import Any

from entrypoints.web.live.board import LiveBoard
from entrypoints.web.page_context import build_page_context
from tests.support.in_process import InProcessHeadgate

DEFINITION = {
    "name": "backup",
    "description": "Dumps of the warehouse",
    "stages": [{"name": "dump", "kind": "external"}],
    "expect": [{"cron": "0 10 * * *", "grace": "10m", "max_duration": "2h"}],
}


async def get_text(headgate: InProcessHeadgate, path: str, accept: str = "text/html") -> str:
    answer = await headgate.page_client.get(path, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", answer.text)))


async def a_headgate(**keys: Any) -> InProcessHeadgate:
    """Return a Headgate an hour before the run is expected."""
    headgate = InProcessHeadgate()
    await headgate.application.create_pipeline()({**DEFINITION, **keys})
    return headgate


async def report(headgate: InProcessHeadgate, status: str) -> None:
    await headgate.api.report(pipeline_id="backup", stage_name="dump", status=status)


async def test_an_overdue_run_is_named_on_the_board_until_it_is_reported() -> None:
    headgate = await a_headgate()

    before = await get_text(headgate, "/")
    headgate.fakes.clock.advance(2 * 3_600)
    overdue, as_text = await get_text(headgate, "/"), await get_text(headgate, "/", "text/plain")
    await report(headgate, "running")
    late = await get_text(headgate, "/")
    headgate.fakes.clock.advance(3 * 3_600)
    overrun = await get_text(headgate, "/")

    assert "Overdue" not in before
    assert "Overdue since 10:10, expected daily at 10:00" in overdue
    assert "Overdue since 10:10, expected daily at 10:00" in as_text
    assert "Late: started at 11:00, expected daily at 10:00" in late
    assert "Takes longer than 2 hours" in overrun


async def test_the_open_board_shows_an_overdue_run_without_any_event() -> None:
    headgate = await a_headgate()
    board = LiveBoard(build_page_context(headgate.application))

    before = await board.render()
    headgate.fakes.clock.advance(2 * 3_600)
    after = await board.render()

    assert before.refresh_seconds is not None
    assert before.digest != after.digest
    assert "Overdue since 10:10" in after.fragments["row-1"]


async def test_a_pipelines_page_lists_the_expected_runs() -> None:
    headgate = await a_headgate()
    new = await get_text(headgate, "/ui/pipelines/backup")
    headgate.fakes.clock.advance(2 * 3_600)
    await report(headgate, "running")
    await report(headgate, "completed")
    headgate.fakes.clock.advance(24 * 3_600)

    text = await get_text(headgate, "/ui/pipelines/backup")

    assert "Expected runs At 10:00 every day, UTC A run can start 10 minutes late and take 2 hours · next expected" in new
    assert "No run has been expected since the definition was last changed." in new
    assert "Overdue since 10:10, expected daily at 10:00" in text
    assert re.search(r"Missed – .*Started late #1 Started 2026-03-02 11:00:00 UTC", text)


async def test_nothing_is_expected_while_the_pipeline_is_paused() -> None:
    headgate = await a_headgate()
    await headgate.client.post("/pipelines/backup/pause")
    headgate.fakes.clock.advance(2 * 3_600)

    assert "Overdue" not in await get_text(headgate, "/")
