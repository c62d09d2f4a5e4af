"""The browser's tab tells of a failure while another tab is in front."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.run_stories import end, start
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]


def expect_icon(page: Page, name: str) -> None:
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile(rf"/{name}\.svg$"))


def test_the_tabs_of_board_pipeline_and_run_follow_the_run(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    now = headgate.fakes.clock.now
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline("etl", [a_stage("a")]))))
    paths = ("/", "/ui/pipelines/etl", f"/ui/runs/{run_id}")
    board, pipeline, run = pages = [open_page(served.url + path) for path in paths]
    expect(board).to_have_title("Pipelines · Headgate")
    expect(pipeline).to_have_title("… etl queued · Headgate")
    expect(run).to_have_title("… etl#1 queued · Headgate")
    for page in pages:
        expect(page.locator("#live-state")).to_have_text("Live")
        page.evaluate("window.unreloaded = true")

    served.do(headgate.stories.change_run(run_id, lambda run: start(run, now())))
    expect(run).to_have_title("▶ etl#1 running · Headgate")
    expect_icon(run, "favicon-running")
    served.do(headgate.stories.change_run(run_id, end("a", Status.FAILED, now(), error="no")))

    for page, title in zip(pages, ("✘ 1 failed · Pipelines", "✘ etl failed", "✘ etl#1 failed"), strict=True):
        expect(page).to_have_title(f"{title} · Headgate")
        expect_icon(page, "favicon-failed")
        assert page.evaluate("window.unreloaded")
        page.reload()
        expect(page).to_have_title(f"{title} · Headgate")
        expect_icon(page, "favicon-failed")
