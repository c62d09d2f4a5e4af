"""Concurrency limits in a real browser: live, by keyboard, in both themes, on a phone and without scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.accessibility import expect_fits_phone_in_both_themes
from tests.support.limited_pipelines import LOAD, add_limited_pipelines, trigger
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
PHONE = {"viewport": {"width": 360, "height": 740}}


@pytest.fixture
def runs(served: ThreadServer) -> list[int]:
    """The runs of a group with one slot: the first holds it, the others wait."""
    served.do(add_limited_pipelines(served.headgate))
    return [served.do(trigger(served.headgate)) for _ in range(3)]


def wait_until_live(page: Page) -> None:
    expect(page.locator("#live-state")).to_have_text("Live")


def test_a_groups_page_follows_grants_and_limits_without_a_reload(served: ThreadServer, open_page: OpenPage, runs: list[int]) -> None:
    page, groups = open_page(f"{served.url}/ui/groups/warehouse"), open_page(f"{served.url}/ui/groups/")
    for each in (page, groups):
        wait_until_live(each)
        each.evaluate("window.unreloaded = true")
    expect(page.locator(".slot-chart .slot-held")).to_have_count(1)
    expect(page.locator("section", has_text="Queue").locator("tbody tr")).to_have_count(2)

    served.do(served.headgate.application.set_group_limit()("warehouse", 4))
    served.do(served.headgate.application.grant_service().run_once())

    expect(page.locator(".slot-chart .slot-held")).to_have_count(3)
    expect(page.locator(".slot-chart .slot-free")).to_have_count(1)
    expect(page.get_by_text("No runs or stages are waiting for a slot.")).to_be_visible()
    expect(groups.locator(".slot-held")).to_have_count(3)
    assert page.evaluate("window.unreloaded") and groups.evaluate("window.unreloaded")


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])
def test_an_admin_sets_the_limit(served: ThreadServer, open_page: OpenPage, runs: list[int], options: dict[str, Any]) -> None:
    page = open_page(f"{served.url}/ui/system", expected=("status of 422",), **options)

    page.get_by_role("link", name="Groups", exact=True).click()
    page.get_by_role("link", name="warehouse", exact=True).click()
    page.get_by_role("spinbutton").fill("0")
    page.get_by_role("button", name="Set limit").click()
    expect(page.locator(".problems")).to_contain_text("Limit must be a number from 1 to 10,000.")
    page.get_by_role("spinbutton").fill("2")
    page.get_by_role("button", name="Set limit").click()
    expect(page.locator(".status-text")).to_contain_text("of 2 slots")
    page.get_by_role("button", name="Use the definitions’ limit").click()

    expect(page.locator(".status-text")).to_contain_text("of 1 slot")
    expect(page.get_by_role("button", name="Use the definitions’ limit")).to_have_count(0)


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])
def test_a_waiting_run_starts_over_the_limit(served: ThreadServer, open_page: OpenPage, runs: list[int], options: dict[str, Any]) -> None:
    page = open_page(f"{served.url}/ui/runs/{runs[1]}", **options)
    expect(page.locator(".status-text").first).to_have_text("Waits for warehouse: 1 of 1 is held by sales#1; 1st in line.")

    page.get_by_role("link", name="Start over the limit").click()
    page.get_by_role("button", name="Start over the limit").click()

    expect(page.locator(".facts")).to_contain_text("over the limit")
    expect(page.get_by_role("link", name="Start over the limit")).to_be_hidden()
    page.goto(f"{served.url}/ui/groups/warehouse")
    expect(page.locator(".over-mark")).to_have_count(1)
    expect(page.locator(".slot-chart .slot-over")).to_have_count(1)


def test_the_sentence_leads_to_the_holder_and_to_the_group_by_keyboard(served: ThreadServer, open_page: OpenPage, runs: list[int]) -> None:
    page = open_page(f"{served.url}/ui/runs/{runs[2]}")
    wait_until_live(page)

    page.locator(".status-text").get_by_role("link", name="warehouse").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_title("warehouse · Headgate")
    wait_until_live(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{served.url}/ui/runs/{runs[0]}")


def test_a_start_over_the_limit_is_confirmed_by_keyboard(served: ThreadServer, open_page: OpenPage, runs: list[int]) -> None:
    page = open_page(f"{served.url}/ui/runs/{runs[1]}")
    wait_until_live(page)

    page.get_by_role("link", name="Start over the limit").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Start over the limit")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator(".facts")).to_contain_text("over the limit")


def test_a_run_that_gets_its_slot_says_so_without_a_reload(served: ThreadServer, open_page: OpenPage, runs: list[int]) -> None:
    page = open_page(f"{served.url}/ui/runs/{runs[1]}")
    wait_until_live(page)

    served.do(served.headgate.application.cancel_run()(runs[0]))
    served.do(served.headgate.application.grant_service().run_once())

    expect(page.locator(".status-text").first).not_to_contain_text("Waits for")
    expect(page.get_by_role("link", name="Start over the limit")).to_be_hidden()


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])
def test_one_of_several_stages_starts_over_the_limit(
    served: ThreadServer, open_page: OpenPage, runs: list[int], options: dict[str, Any]
) -> None:
    stages = [LOAD | {"name": name, "uses": ["warehouse"], "needs": []} for name in ("import", "export")]
    served.do(served.headgate.api.create_pipeline("copies", *stages))
    run = served.do(trigger(served.headgate, "copies"))
    page = open_page(f"{served.url}/ui/runs/{run}", **options)
    expect(page.locator(".status-text").first).to_contain_text("import and 1 other stage wait for warehouse")

    page.get_by_role("link", name="Start over the limit").click()
    page.get_by_role("combobox", name="Stage").select_option("export")
    page.get_by_role("button", name="Start over the limit").click()

    expect(page.locator(".status-text").first).to_contain_text("import waits for warehouse: 2 of 1 slots are held by sales#1 and copies#1")
    page.goto(f"{served.url}/ui/groups/warehouse")
    expect(page.locator("tr", has_text="copies#1").first).to_contain_text("export")


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, PHONE], ids=["scripts", "no scripts", "phone"])
def test_a_trigger_has_a_priority_and_may_start_over_the_limit(
    served: ThreadServer, open_page: OpenPage, runs: list[int], options: dict[str, Any]
) -> None:
    page = open_page(f"{served.url}/ui/pipelines/sales/trigger", expected=("status of 422",), **options)

    page.get_by_text("Priority and limits").click()
    page.get_by_label("Priority").fill("101")
    page.get_by_role("button", name="Trigger").click()
    expect(page.locator(".problems")).to_contain_text("Priority must be a whole number from -100 to 100.")
    page.get_by_label("Priority").fill("7")
    page.get_by_label("Start over the limit").check()
    page.get_by_role("button", name="Trigger").click()

    expect(page.locator(".facts")).to_contain_text("+7")
    expect(page.locator(".facts")).to_contain_text("over the limit")


def test_the_queue_shows_the_highest_priority_first(served: ThreadServer, open_page: OpenPage, runs: list[int]) -> None:
    page = open_page(f"{served.url}/ui/groups/warehouse")
    wait_until_live(page)

    served.do(trigger(served.headgate, priority=5))

    first = page.locator("section", has_text="Queue").locator("tbody tr").first
    expect(first).to_contain_text("sales#4")
    expect(first).to_contain_text("+5")


def test_the_pages_are_accessible_and_fit_a_phone(served: ThreadServer, open_page: OpenPage, runs: list[int]) -> None:
    served.do(served.headgate.application.start_over_limit()(runs[1]))
    waiting = f"/ui/runs/{runs[2]}"

    page = open_page("about:blank", **PHONE)
    paths = ("/ui/groups/", "/ui/groups/warehouse", waiting, f"{waiting}/start-over-limit")
    for path in (*paths, "/ui/pipelines/sales", "/ui/pipelines/sales/trigger"):
        page.goto(served.url + path)
        expect_fits_phone_in_both_themes(page)
