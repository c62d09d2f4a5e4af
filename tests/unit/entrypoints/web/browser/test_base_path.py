"""A real browser behind a proxy that serves Headgate below a path."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from domain.access.actor import Actor
from domain.access.permissions import Role
from domain.runs.status import Status
from tests.support.example_board import PASSWORD
from tests.support.reverse_proxy import ReverseProxy, serving_below
from tests.support.run_stories import end, start
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived

OpenPage = Callable[..., Page]
PATH = "/ops/headgate"


@pytest.mark.parametrize("removes_path", [False, True], ids=["passes the path on", "removes the path"])
def test_a_user_signs_in_triggers_and_follows_a_run(open_page: OpenPage, removes_path: bool) -> None:
    with serving_below(PATH, removes_path=removes_path, auth="team") as (proxy, served):
        served.do(served.headgate.application.create_account()("ada", Role.ADMIN, PASSWORD, Actor()))
        served.do(served.headgate.stories.add_worker())
        served.do(served.headgate.stories.add_pipeline(stages=["a", "b"]))
        page = open_page(f"{proxy.url}/ui/runs", expected=("401",))
        _sign_in(page, proxy)
        _follow_a_run(page, proxy, served)
        _use_scripts(page, proxy)

    assert proxy.outside == []


def _sign_in(page: Page, proxy: ReverseProxy) -> None:
    expect(page).to_have_url(f"{proxy.url}/ui/sign-in?next=%2Fui%2Fruns")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(f"{proxy.url}/ui/runs")
    arrived(page, "h1", "Runs")
    (cookie,) = page.context.cookies()
    assert (cookie["name"], cookie["path"], cookie["secure"], cookie["httpOnly"]) == ("__Secure-headgate", PATH, True, True)


def _follow_a_run(page: Page, proxy: ReverseProxy, served: ThreadServer) -> None:
    """Trigger on the board, and watch the run end without a reload."""
    page.get_by_role("link", name="Pipelines", exact=True).click()
    expect(page).to_have_url(f"{proxy.url}/")
    page.get_by_role("button", name="Trigger nightly").click()
    expect(page).to_have_url(f"{proxy.url}/ui/runs/1")
    expect(page.locator("#live-state")).to_have_text("Live")
    page.evaluate("window.unreloaded = true")
    for stage in ("a", "b"):
        now = served.headgate.fakes.clock.now()
        served.do(served.headgate.stories.change_run(1, lambda run, now=now: start(run, now), end(stage, Status.COMPLETED, now)))  # type: ignore[misc]

    expect(page.locator("h1 + *, .run-head, #main").first).to_contain_text("Completed")
    assert page.evaluate("window.unreloaded")


def _use_scripts(page: Page, proxy: ReverseProxy) -> None:
    """Use what scripts do: a dialog, keyboard shortcuts, the board's search, Swagger UI."""
    page.get_by_role("link", name="Run again").click()
    page.get_by_role("dialog").get_by_role("button", name="Run again").click()
    expect(page).to_have_url(f"{proxy.url}/ui/runs/2")
    arrived(page, "h1", "nightly#2")
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page).to_have_url(f"{proxy.url}/ui/system")
    arrived(page, "h1", "System")
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page).to_have_url(f"{proxy.url}/")
    arrived(page, "#board", "nightly")
    page.get_by_role("searchbox").fill("night")
    expect(page).to_have_url(f"{proxy.url}/?q=night")
    page.goto(f"{proxy.url}/docs")
    expect(page.locator("#swagger-ui")).to_contain_text("Define pipelines and trigger them")
