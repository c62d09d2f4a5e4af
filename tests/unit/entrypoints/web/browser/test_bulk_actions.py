"""Retrying and cancelling the runs of a filtered list in a real browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from domain.runs.status import Status
from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.builders import a_stage
from tests.support.run_stories import end
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
LOOKS: tuple[dict[str, Any], ...] = ({}, {"viewport": {"width": 360, "height": 740}})
LONG = "n" * 100


def add_failed_runs(served: ThreadServer, name: str, count: int) -> list[int]:
    stories, now = served.headgate.stories, served.headgate.fakes.clock.now
    pipeline = served.do(stories.add_pipeline(name, [a_stage("a", "external")]))
    ids = [served.do(stories.open_run(pipeline)) for _ in range(count)]
    for run_id in ids:
        served.do(stories.change_run(run_id, end("a", Status.FAILED, now())))
    return ids


def expect_fitting_page(page: Page) -> None:
    """Fail if axe finds issues, or if the page scrolls sideways."""
    expect_no_axe_issues_in_both_themes(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("look", LOOKS)
def test_some_runs_of_a_filtered_list_are_retried(served: ThreadServer, open_page: OpenPage, look: dict[str, Any]) -> None:
    add_failed_runs(served, LONG, 12)
    page = open_page(f"{served.url}/ui/runs?status=failed", reduced_motion="reduce", **look)
    page.get_by_role("link", name="Retry all").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Retry 12 runs?")
    expect(page.get_by_label(f"{LONG}#12")).to_be_visible()
    expect(page.get_by_label(f"{LONG}#2", exact=True)).to_be_hidden()
    page.get_by_text("and 2 more").click()
    page.get_by_label(f"{LONG}#2", exact=True).uncheck()
    expect_fitting_page(page)

    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("11 runs retried")
    expect_fitting_page(page)
    page.get_by_role("link", name="Back to the list").click()

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody th")).to_contain_text("#2")


def test_many_runs_are_cancelled_while_the_page_shows_how_far_it_is(served: ThreadServer, open_page: OpenPage) -> None:
    stories = served.headgate.stories
    pipeline = served.do(stories.add_pipeline("etl", [a_stage("a", "external")]))
    ids = [served.do(stories.open_run(pipeline)) for _ in range(105)]
    page = open_page(f"{served.url}/ui/cancel-runs")

    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("105 runs cancelled")
    assert {served.headgate.fakes.store.committed.runs[run_id].status for run_id in ids} == {Status.CANCELLED}


def test_without_scripts_a_board_of_failures_is_retried_step_by_step(served: ThreadServer, open_page: OpenPage) -> None:
    for number in range(55):
        add_failed_runs(served, f"p{number:02}", 1)
    page = open_page(f"{served.url}/?status=failed", java_script_enabled=False, color_scheme="dark")

    page.get_by_role("link", name="Retry all").click()
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "50")
    expect(page.get_by_role("status").filter(has_text="50 of 55")).to_be_visible()
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("55 runs retried")
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".pipeline:visible")).to_have_count(0)
