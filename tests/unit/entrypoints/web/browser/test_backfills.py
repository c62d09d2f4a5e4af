"""Backfills in a real browser: previewed and started, live, by keyboard, in both themes, on a phone and without scripts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from domain.backfills.request import BackfillRequest
from domain.runs.status import Status
from tests.support.accessibility import expect_fits_phone_in_both_themes
from tests.support.builders import a_stage
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
PHONE = {"viewport": {"width": 360, "height": 740}}
NIGHTLY = {"name": "nightly", "cron": "30 2 * * *"}


def day(ago: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=ago):%Y-%m-%d}"


@pytest.fixture(autouse=True)
def exports(served: ThreadServer) -> None:
    raw = {"name": "exports", "stages": [a_stage("dump")], "schedules": [NIGHTLY]}
    served.do(served.headgate.application.create_pipeline()(raw))


@pytest.fixture
def backfill(served: ThreadServer) -> int:
    """A backfill of ten days, two at a time, that has opened its first runs."""
    request = BackfillRequest(day(11), day(2), parallel=2)
    result = served.do(served.headgate.application.start_backfill()("exports", request))
    step(served)
    return int(result.backfill_id)


def step(served: ThreadServer) -> None:
    """Let the service do what it can, as it does by itself in the web process."""
    served.do(served.headgate.application.backfill_service().run_once())


def end_runs(served: ThreadServer, status: Status) -> None:
    async def end() -> None:
        fakes = served.headgate.fakes
        async with fakes.open_unit_of_work() as work:
            runs = await work.runs.lock([id for id, run in fakes.store.committed.runs.items() if not run.is_over])
            for run in runs.values():
                run.set_verdict(status, fakes.clock.now(), None)
            await work.runs.save(*runs.values())
            await work.commit()

    served.do(end())


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])
def test_a_backfill_is_previewed_and_then_started(served: ThreadServer, open_page: OpenPage, options: dict[str, Any]) -> None:
    page = open_page(f"{served.url}/ui/pipelines/exports", expected=("status of 422",), **options)

    page.get_by_role("link", name="Backfill", exact=True).click()
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".problems")).to_contain_text("From must be a date or a time")
    page.get_by_label("From").fill(day(11))
    page.get_by_label("To the last day").fill(day(2))
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".preview")).to_contain_text("10 ticks to run.")
    page.get_by_role("button", name="Start").click()

    expect(page).to_have_url(f"{served.url}/ui/backfills/1")
    expect(page.locator(".status-text")).to_contain_text("Running 0 of 10 completed")


def test_an_open_page_follows_the_progress_without_a_reload(served: ThreadServer, open_page: OpenPage, backfill: int) -> None:
    page, listed = open_page(f"{served.url}/ui/backfills/{backfill}"), open_page(f"{served.url}/ui/backfills/")
    for each in (page, listed):
        expect(each.locator("#live-state")).to_have_text("Live")
        each.evaluate("window.unreloaded = true")
    expect(page.locator(".status-text")).to_contain_text("0 of 10 completed, 2 running")

    end_runs(served, Status.FAILED)
    step(served)
    expect(page.locator(".status-text")).to_contain_text("0 of 10 completed, 2 running, 2 failed")
    expect(listed.locator("tbody")).to_contain_text("2 failed")
    expect(page.locator(".part-failed")).to_have_count(1)
    for _ in range(4):
        end_runs(served, Status.COMPLETED)
        step(served)

    expect(page.locator(".status-text")).to_contain_text("Completed 8 of 10 completed, 2 failed")
    expect(page.get_by_role("link", name="Cancel", exact=True)).to_be_hidden()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    assert page.evaluate("window.unreloaded") and listed.evaluate("window.unreloaded")


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])
def test_it_is_paused_resumed_and_cancelled(served: ThreadServer, open_page: OpenPage, backfill: int, options: dict[str, Any]) -> None:
    page = open_page(f"{served.url}/ui/backfills/{backfill}", **options)

    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".status-text")).to_contain_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".status-text")).to_contain_text("Running")
    page.get_by_role("link", name="Cancel", exact=True).click()
    page.get_by_label("Cancel its unfinished runs, too").check()
    page.get_by_role("button", name="Cancel the backfill").click()

    expect(page.locator(".status-text")).to_contain_text("Cancelled")
    assert all(run.is_over for run in served.headgate.fakes.store.committed.runs.values())


def test_keys_lead_from_the_calendar_to_a_run(served: ThreadServer, open_page: OpenPage, backfill: int) -> None:
    page = open_page(f"{served.url}/ui/schedule")
    page.get_by_role("link", name="Backfills").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title("Backfills · Headgate")
    for title in (f"Backfill {backfill} of exports · Headgate", "… exports#1 queued · Headgate"):
        page.wait_for_load_state("load")  # a page has its title before its scripts, which read the keys
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        expect(page).to_have_title(title)


def test_the_pages_are_accessible_and_fit_a_phone(served: ThreadServer, open_page: OpenPage, backfill: int) -> None:
    end_runs(served, Status.FAILED)
    step(served)

    page = open_page("about:blank", **PHONE)
    for path in ("/ui/backfills/", "/ui/backfills/1", "/ui/backfills/1/cancel", "/ui/pipelines/exports/backfill"):
        page.goto(served.url + path)
        expect_fits_phone_in_both_themes(page)
