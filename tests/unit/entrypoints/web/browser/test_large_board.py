"""The board of many pipelines in a real browser: pages, search and live rows."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from domain.runs.status import Status
from entrypoints.web.board_query import ROWS_PER_PAGE
from tests.support.builders import a_stage
from tests.support.run_stories import end
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
COUNT = ROWS_PER_PAGE + 5


@pytest.fixture
def run_id(served: ThreadServer) -> int:
    """Add pipelines, and return a waiting run of the last but one."""
    stories = served.headgate.stories
    pipelines = [served.do(stories.add_pipeline(f"p{number:03}", [a_stage("a", "external")])) for number in range(COUNT)]
    return served.do(stories.open_run(pipelines[-2]))


def test_rows_of_a_later_page_change_live(served: ThreadServer, open_page: OpenPage, run_id: int) -> None:
    page = open_page(served.url)
    expect(page.locator(".pipeline")).to_have_count(ROWS_PER_PAGE)
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.locator(".pipeline")).to_have_count(5)
    expect(page.locator("#live-state")).to_have_text("Live")
    page.evaluate("window.unreloaded = true")

    headgate = served.headgate
    served.do(headgate.stories.change_run(run_id, end("a", Status.COMPLETED, headgate.fakes.clock.now())))

    expect(page.locator('.pipeline [data-state="completed"]')).to_be_visible()
    assert page.evaluate("window.unreloaded") is True


def test_the_search_finds_pipelines_of_other_pages(served: ThreadServer, open_page: OpenPage, run_id: int) -> None:
    page = open_page(served.url)

    page.keyboard.press("/")
    page.keyboard.type("P104")
    expect(page.locator(".pipeline:visible")).to_have_count(ROWS_PER_PAGE)
    page.keyboard.press("Enter")

    expect(page.locator(".pipeline:visible")).to_have_count(1)
    expect(page.locator(".pipeline .name")).to_have_text("p104")
    expect(page).to_have_url(re.compile(r"\?q=P104$"))


def test_rows_join_and_leave_a_filter_by_status_live(served: ThreadServer, open_page: OpenPage, run_id: int) -> None:
    headgate = served.headgate
    page = open_page(f"{served.url}/?status=waiting")
    expect(page.locator(".pipeline .name")).to_have_text("p103")
    expect(page.locator("#live-state")).to_have_text("Live")

    served.do(headgate.stories.change_run(run_id, end("a", Status.FAILED, headgate.fakes.clock.now())))
    expect(page.locator("#no-matches")).to_be_visible()
    expect(page.locator(".pipeline")).to_have_count(0)
    served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline("late", [a_stage("a", "external")]))))

    expect(page.locator(".pipeline .name")).to_have_text("late")
    expect(page.locator("#no-matches")).to_be_hidden()
    expect(page.locator(".board-range")).to_have_text("1 pipeline")


def test_a_board_that_outgrows_a_page_is_paged_at_once(served: ThreadServer, open_page: OpenPage) -> None:
    stories = served.headgate.stories
    for number in range(ROWS_PER_PAGE):
        served.do(stories.add_pipeline(f"p{number:03}", ["a"]))
    page = open_page(served.url)
    expect(page.locator(".board-range")).to_have_count(0)
    expect(page.locator("#live-state")).to_have_text("Live")

    served.do(stories.open_run(served.do(stories.add_pipeline("zero", ["a"]))))

    expect(page.locator(".board-range")).to_contain_text("1 to 100 of 101 pipelines")
    expect(page.get_by_placeholder("Words, then Enter")).to_be_visible()
