"""Pause, archive and delete a pipeline in a real browser: live, by keyboard, in both themes, on a phone and without scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.accessibility import expect_fits_phone_in_both_themes
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture
def address(served: ThreadServer) -> str:
    served.do(served.headgate.use_cases.create_pipeline(1, name="flights"))
    return f"{served.url}/ui/pipelines/flights"


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()


def test_a_pause_shows_on_every_open_page_without_a_reload(served: ThreadServer, open_page: OpenPage, address: str) -> None:
    mine, other = open_page(f"{served.url}/ui/pipelines/1"), open_page(address)
    for page in (mine, other):
        expect(page.locator("#live-state")).to_have_text("Live")
        page.evaluate("window.unreloaded = true")

    follow(mine, "Pause")
    mine.get_by_label("How long").select_option("1 day")
    press(mine, "Pause")
    for page in (mine, other):
        expect(page.locator(".activation")).to_contain_text("Paused")
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
        expect(page.get_by_role("link", name="Pause", exact=True)).to_be_hidden()
    assert mine.evaluate("window.unreloaded")
    press(mine, "Resume")

    expect(other.get_by_role("link", name="Pause", exact=True)).to_be_visible()
    expect(other.locator(".activation")).to_have_text("")
    assert other.evaluate("window.unreloaded")


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])
def test_a_pipeline_is_archived_and_deleted(served: ThreadServer, open_page: OpenPage, address: str, options: dict[str, Any]) -> None:
    served.do(served.headgate.use_cases.create_pipeline(1, name="weather"))
    page = open_page(address, expected=("status of 422",), **options)

    follow(page, "Archive")
    press(page, "Archive")
    expect(page.locator(".activation")).to_contain_text("Archived")
    expect(page.locator("[data-trigger]")).to_be_hidden()
    page.goto(served.url)
    expect(page.locator("[data-row]")).to_have_count(1)
    follow(page, "Archived")
    expect(page.locator("h1")).to_have_text("Archived pipelines")
    page.locator(".pipeline .name").click()
    follow(page, "Delete")
    page.get_by_label("Type flights to confirm").fill("flight")
    press(page, "Delete")
    expect(page.locator(".problems")).to_contain_text("Nothing was deleted.")
    page.get_by_label("Type flights to confirm").fill("flights")
    press(page, "Delete")

    expect(page).to_have_title("Pipelines · Headgate")
    expect(page.locator("[data-row]")).to_have_count(1)
    assert [row.name for row in served.headgate.fakes.store.committed.pipelines.values() if row.deleting_at is None] == ["weather"]


def test_a_pipeline_is_paused_by_keyboard(address: str, open_page: OpenPage) -> None:
    page = open_page(address)
    expect(page.locator("#live-state")).to_have_text("Live")

    page.get_by_role("link", name="Pause", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("How long")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator(".activation")).to_contain_text("Paused")


def test_a_deletion_shows_on_an_open_page(served: ThreadServer, open_page: OpenPage, address: str) -> None:
    page = open_page(address)
    expect(page.locator("#live-state")).to_have_text("Live")

    served.do(served.headgate.application.archive_pipeline()("flights"))
    served.do(served.headgate.application.delete_pipeline()("flights", "flights"))

    expect(page.locator(".activation")).to_have_text("Deleted. Its runs, events and logs are being removed.")
    expect(page.get_by_role("link", name="Edit")).to_be_hidden()


def test_a_paused_row_says_so_on_an_open_board(served: ThreadServer, open_page: OpenPage, address: str) -> None:
    page = open_page(served.url)
    expect(page.locator("#live-state")).to_have_text("Live")

    served.do(served.headgate.application.pause_pipeline()("flights"))
    expect(page.locator(".pipeline .next")).to_contain_text("Paused")
    served.do(served.headgate.application.resume_pipeline()("flights"))

    expect(page.locator(".pipeline .next")).not_to_contain_text("Paused")


def test_an_archived_row_leaves_an_open_board(served: ThreadServer, open_page: OpenPage, address: str) -> None:
    served.do(served.headgate.use_cases.create_pipeline(1, name="weather"))
    page = open_page(served.url)
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator("[data-row]")).to_have_count(2)

    served.do(served.headgate.application.archive_pipeline()("flights"))

    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator(".pipeline .name")).to_have_text("weather")


def test_the_pages_are_accessible_and_fit_a_phone(served: ThreadServer, open_page: OpenPage, address: str) -> None:
    application = served.headgate.application
    served.do(application.pause_pipeline()("flights"))
    served.do(application.archive_pipeline()("flights"))

    page = open_page(address, **PHONE)
    expect_fits_phone_in_both_themes(page)
    for path in ("/pause", "/archive", "/delete"):
        page.goto(f"{address}{path}")
        expect_fits_phone_in_both_themes(page)
