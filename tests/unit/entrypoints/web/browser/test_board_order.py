"""Sorting the board and its counts in a real browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from domain.runs.status import Status
from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.builders import a_stage
from tests.support.run_stories import end
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
STAGES = [a_stage("a", "external")]
LOOKS: tuple[dict[str, object], ...] = ({}, {"viewport": {"width": 360, "height": 740}})


@pytest.fixture
def runs(served: ThreadServer) -> dict[str, int]:
    """Add three pipelines with a waiting run each; return the runs by pipeline."""
    now, stories = served.headgate.fakes.clock.now(), served.headgate.stories
    pipelines = {name: served.do(stories.add_pipeline(name, STAGES)) for name in ("alpha", "beta", "beta-two")}
    return {
        name: served.do(stories.open_run(pipeline, now - timedelta(minutes=place)))
        for place, (name, pipeline) in enumerate(pipelines.items(), 1)
    }


def finish(served: ThreadServer, run_id: int, status: Status) -> None:
    served.do(served.headgate.stories.change_run(run_id, end("a", status, served.headgate.fakes.clock.now())))


def test_counts_follow_the_words_and_the_live_rows(served: ThreadServer, open_page: OpenPage, runs: dict[str, int]) -> None:
    page = open_page(served.url)
    waiting, failed = page.locator('[data-count="waiting"]'), page.locator('[data-count="failed"]')
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator('[data-count="all"]')).to_have_text("3")

    page.locator("#search").fill("BETA")
    expect(page.locator('[data-count="all"]')).to_have_text("2")
    expect(waiting).to_have_text("2")
    finish(served, runs["beta"], Status.FAILED)
    expect(failed).to_have_text("1")
    finish(served, runs["alpha"], Status.FAILED)
    expect(page.locator("#pipeline-1 [data-state='failed']")).to_have_count(1)
    expect(failed).to_have_text("1")
    page.get_by_role("link", name="Failed 1").click()

    expect(page).to_have_url(f"{served.url}/?status=failed&q=BETA")
    expect(page.locator(".pipeline:visible .name")).to_have_text("beta")
    expect(waiting).to_have_text("1")


@pytest.mark.parametrize("look", LOOKS)
def test_rows_stay_in_their_places_until_they_are_sorted_again(
    served: ThreadServer, open_page: OpenPage, runs: dict[str, int], look: dict[str, object]
) -> None:
    page = open_page(served.url, reduced_motion="reduce", **look)
    page.get_by_role("link", name="Failures first").click()
    names, again = page.locator(".pipeline .name"), page.get_by_role("link", name="Order changed: sort again")
    expect(names).to_have_text(["alpha", "beta", "beta-two"])
    expect(page.locator("#live-state")).to_have_text("Live")
    places = page.locator(".pipeline").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().top)")

    finish(served, runs["beta-two"], Status.FAILED)
    expect(again).to_be_visible()
    expect(page.locator("#pipeline-3 [data-state='failed']")).to_have_count(1)
    expect(names).to_have_text(["alpha", "beta", "beta-two"])
    assert page.locator(".pipeline").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().top)") == places
    expect_no_axe_issues_in_both_themes(page)
    again.click()

    expect(names).to_have_text(["beta-two", "alpha", "beta"])
    expect(again).to_be_hidden()


def test_the_board_is_sorted_without_scripts(served: ThreadServer, open_page: OpenPage, runs: dict[str, int]) -> None:
    page = open_page(served.url, java_script_enabled=False)

    page.get_by_role("navigation", name="Sort by").get_by_role("link", name="Last run").click()

    expect(page.locator(".pipeline .name")).to_have_text(["alpha", "beta", "beta-two"])
    expect(page.get_by_role("link", name="Last run")).to_have_attribute("aria-current", "true")
