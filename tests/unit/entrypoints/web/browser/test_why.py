"""Why a run did not happen, in a real browser: from the tick and the calendar to the day, by keyboard, on a phone and without scripts."""

import time
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from domain.access.actor import Actor
from tests.support.accessibility import expect_fits_phone_in_both_themes
from tests.support.builders import a_stage
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived

OpenPage = Callable[..., Page]
PHONE = {"width": 360, "height": 740}
OFTEN = {"name": "often", "every": "5s", "overlap": "skip"}


def skip_a_tick(served: ThreadServer, name: str) -> None:
    """Let a schedule fire, skip a tick since its run is not over, and pause the schedule."""
    application = served.headgate.application
    raw = {"name": name, "stages": [a_stage("dump")], "schedules": [OFTEN]}
    served.do(application.create_pipeline()(raw))
    until = time.monotonic() + 60
    while not is_skipped(served, name):
        assert time.monotonic() < until, "no tick was skipped"
        time.sleep(0.2)
        served.do(application.tick_service().run_once())
    served.do(application.pause_schedule()(name, "often", None, Actor("ada")))


def is_skipped(served: ThreadServer, name: str) -> bool:
    entries = httpx.get(f"{served.url}/pipelines/{name}/why").json()["entries"]
    return any(entry["reason"] == "overlap" for entry in entries)


def test_a_skipped_run_is_explained_on_a_phone(served: ThreadServer, open_page: OpenPage) -> None:
    skip_a_tick(served, "rollup")
    page = open_page(f"{served.url}/ui/pipelines/rollup", viewport=PHONE)

    section = page.locator("#why")
    expect(section).to_contain_text("is not over yet")
    expect_fits_phone_in_both_themes(page)
    section.get_by_role("link", name="#1", exact=True).first.click()
    arrived(page, "h1", "rollup#1")


def test_the_day_is_chosen_by_keyboard(served: ThreadServer, open_page: OpenPage) -> None:
    skip_a_tick(served, "rollup")
    page = open_page(f"{served.url}/ui/pipelines/rollup")

    page.get_by_label("Day", exact=True).focus()
    page.keyboard.type("12312030")
    page.keyboard.press("Enter")

    page.wait_for_url("**?day=2030-12-31#why")
    expect(page.locator("#why")).to_contain_text("Tuesday 31 December 2030")
    expect(page.locator("#why li")).to_contain_text("will not run while it is paused by ada, 17,280 runs")
    page.get_by_role("link", name="Day before").press("Enter")
    page.wait_for_url("**?day=2030-12-30#why")


def test_marks_and_calendar_cells_lead_to_the_day_without_scripts(served: ThreadServer, open_page: OpenPage) -> None:
    skip_a_tick(served, "rollup")
    page = open_page(f"{served.url}/ui/pipelines/rollup", java_script_enabled=False)

    page.locator(".tick-strip a").last.click()
    expect(page.locator("#why li").last).to_contain_text("will not run while it is paused by ada")
    page.goto(f"{served.url}/ui/schedule?view=week")
    page.locator(".calendar td a").first.click()
    expect(page.locator("#why")).to_contain_text("is not over yet")
    page.goto(f"{served.url}/ui/schedule")
    page.get_by_role("link", name="Explain the day of rollup").click()
    expect(page.locator("#why")).to_contain_text("is not over yet")
    page.get_by_label("Day", exact=True).fill("2031-01-01")
    page.get_by_role("button", name="Show the day").click()
    expect(page.locator("#why")).to_contain_text("Wednesday 1 January 2031")
