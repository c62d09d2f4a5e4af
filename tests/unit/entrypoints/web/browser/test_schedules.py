"""Schedules in a real browser: created, fired, read in the calendar, previewed while typing."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from domain.access.permissions import Role
from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.builders import a_stage
from tests.support.servers import ThreadServer
from tests.support.waiting import wait_for
from tests.unit.entrypoints.web.browser.page_waiting import arrived
from tests.unit.entrypoints.web.browser.test_access import REFUSED, sign_in, team

__all__ = ["team"]

OpenPage = Callable[..., Page]
PHONE = {"width": 360, "height": 740}
OFTEN = {"name": "often", "every": "5s"}
NIGHTLY = {"name": "nightly", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}


def create(served: ThreadServer, name: str, *schedules: dict[str, str]) -> None:
    raw = {"name": name, "stages": [a_stage("dump")], "schedules": list(schedules)}
    served.do(served.headgate.application.create_pipeline()(raw))


def fire(served: ThreadServer, count: int = 1) -> None:
    """Let the tick service decide what is due, as it does by itself in the web process, until `count` ticks are stored."""

    def run_service() -> bool:
        served.do(served.headgate.application.tick_service().run_once())
        return len(served.headgate.fakes.store.committed.ticks) >= count

    wait_for(run_service, 15)


def test_a_new_schedule_is_seen_to_fire(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "first", NIGHTLY)
    board = open_page(served.url)
    expect(board.locator("#live-state")).to_have_text("Live")
    create(served, "rollup", OFTEN)
    row = board.locator(".pipeline", has_text="rollup")
    expect(row.locator(".next time").first).to_have_text(re.compile(r"^(in \d+ s|now)$"))
    page = open_page(f"{served.url}/ui/pipelines/rollup")
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator(".schedule")).to_contain_text("It has not fired yet.")
    page.evaluate("window.unreloaded = true")
    first = page.locator(".next-times time").first.get_attribute("datetime")

    page.wait_for_function("at => new Date(at) <= new Date()", arg=first)
    fire(served)

    expect(page.locator(".tick-strip a")).to_have_count(1)
    expect(board.locator(".pipeline", has_text="rollup").locator(".state")).to_contain_text("#1")
    assert page.locator(".next-times time").first.get_attribute("datetime") != first
    assert page.evaluate("window.unreloaded")
    page.locator(".tick-strip a").click()
    arrived(page, "h1", "rollup#1")
    assert page.locator(".facts time").first.get_attribute("datetime") == first


def test_an_opened_table_of_ticks_stays_open_when_a_tick_is_added(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "rollup", OFTEN)
    page = open_page(f"{served.url}/ui/pipelines/rollup")
    expect(page.locator("#live-state")).to_have_text("Live")
    rows = page.locator(".schedule details tbody tr")
    for count in (1, 2):
        at = page.locator(".next-times time").first.get_attribute("datetime")
        page.wait_for_function("at => new Date(at) <= new Date()", arg=at)
        fire(served, count)
        expect(rows).to_have_count(count)
        if count == 1:
            page.get_by_text("Show the last ticks as a table").click()

    expect(rows.first).to_be_visible()


def test_arrow_keys_move_along_the_last_ticks(exhibition: tuple[ThreadServer, dict[str, int]], open_page: OpenPage) -> None:
    served, _ = exhibition
    page = open_page(f"{served.url}/ui/pipelines/exports")
    links = page.locator(".schedule", has_text="At 02:30").locator(".tick-strip a")

    links.last.focus()
    page.keyboard.press("ArrowLeft")
    expect(links.nth(-2)).to_be_focused()
    assert links.evaluate_all("links => links.filter(link => link.getAttribute('tabindex') !== '-1').length") == 1
    href = links.nth(-2).get_attribute("href")
    page.keyboard.press("Enter")

    page.wait_for_url(f"**{href}")


def test_on_a_phone_the_calendar_opens_at_the_present_hour(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "often", OFTEN)

    page = open_page(f"{served.url}/ui/schedule", viewport=PHONE)

    expect(page.locator(".calendar thead .is-now")).to_be_in_viewport()


def test_an_open_page_follows_the_schedules_of_the_newest_revision(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "exports")
    page = open_page(f"{served.url}/ui/pipelines/exports")
    expect(page.locator("#live-state")).to_have_text("Live")
    page.evaluate("window.unreloaded = true")
    schedules = page.locator(".schedule h3")

    def change(*schedules: dict[str, str]) -> None:
        raw = {"name": "exports", "stages": [a_stage("dump")], "schedules": list(schedules)}
        served.do(served.headgate.application.change_pipeline()("exports", raw))

    expect(page.locator("#schedules")).to_be_hidden()
    change(NIGHTLY)
    expect(schedules).to_have_text(["nightly"])
    change(NIGHTLY | {"cron": "15 4 * * *"}, OFTEN)
    expect(schedules).to_have_text(["nightly", "often"])
    expect(page.locator(".schedule").first).to_contain_text("At 04:15 every day")
    change(OFTEN | {"every": "7s"})
    expect(schedules).to_have_text(["often"])
    expect(page.locator(".schedule")).to_contain_text("Every 7 seconds")
    change()

    expect(page.locator("#schedules")).to_be_hidden()
    assert page.evaluate("window.unreloaded")


def test_the_preview_follows_the_text(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "exports", NIGHTLY)
    page = open_page(f"{served.url}/ui/pipelines/exports/edit")
    expect(page.locator("#preview")).to_contain_text("At 02:30 every day, Europe/Berlin")
    text = page.get_by_label("Definition").input_value()

    page.get_by_label("Definition").fill(text.replace("30 2 * * *", "15 4 * * MON"))
    expect(page.locator("#preview")).to_contain_text("At 04:15 on Monday")
    expect(page.locator("#preview th[scope=row]").first).to_contain_text("Mon ")
    page.get_by_label("Definition").fill(text.replace("30 2 * * *", "99 2 * * *"))
    expect(page.locator("#preview")).to_contain_text("schedules[0].cron")

    assert page.get_by_label("Definition").input_value().count("99 2") == 1


def test_without_scripts_a_button_previews_and_keeps_the_text(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "exports", NIGHTLY)
    page = open_page(f"{served.url}/ui/pipelines/exports/edit", java_script_enabled=False)
    text = page.get_by_label("Definition").input_value().replace("30 2 * * *", "15 4 * * MON")

    page.get_by_label("Definition").fill(text)
    page.get_by_role("button", name="Check", exact=True).click()

    expect(page.locator("#preview")).to_contain_text("At 04:15 on Monday")
    assert page.get_by_label("Definition").input_value().strip() == text.strip()
    page.get_by_role("button", name="Save new revision").click()
    expect(page.locator(".schedule")).to_contain_text("At 04:15 on Monday")


def test_the_calendar_is_read_by_keyboard(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "minutely", {"name": "main", "every": "1m"})  # the week has further ticks, however late it is
    create(served, "often", OFTEN)
    page = open_page(served.url)
    page.keyboard.press("g")
    page.keyboard.press("c")
    arrived(page, "h1", "Schedule")

    page.get_by_role("link", name="Week", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**view=week**")
    expect(page.locator("#live-state")).to_have_text("Live")
    for name in ("minutely", "often"):
        page.keyboard.press("j")
        expect(page.locator(":focus")).to_have_text(name)
    page.keyboard.press("Enter")
    arrived(page, "h1", "often")


def test_the_calendar_is_in_the_viewers_zone(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "nightly", NIGHTLY)

    page = open_page(f"{served.url}/ui/schedule?view=week", timezone_id="America/New_York")

    page.wait_for_url("**zone=America%2FNew_York**")
    expect(page.locator(".under-head")).to_contain_text("America/New_York")


@pytest.mark.parametrize(
    "path",
    [
        "/ui/schedule",
        "/ui/schedule?view=week",
        "/ui/pipelines/exports",
        "/ui/pipelines/exports/edit",
        "/ui/pipelines/exports/schedules/nightly/pause",
        "/ui/pipelines/exports/schedules/nightly/resume",
    ],
)
def test_pages_with_schedules_fit_a_phone_and_axe_finds_nothing(
    exhibition: tuple[ThreadServer, dict[str, int]], open_page: OpenPage, path: str
) -> None:
    served, _ = exhibition
    phone, page = open_page(served.url + path, viewport=PHONE), open_page(served.url + path, reduced_motion="reduce")

    assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect_no_axe_issues_in_both_themes(page)


def get_states(served: ThreadServer) -> list[str]:
    """Return the states of all ticks in their order."""
    ticks = served.headgate.fakes.store.committed.ticks.values()
    return [tick.state.value for tick in sorted(ticks, key=lambda tick: tick.due_at)]


@pytest.mark.parametrize("options", [{}, {"java_script_enabled": False}, {"viewport": PHONE}], ids=["scripts", "no scripts", "phone"])
def test_a_schedule_is_paused_and_resumed(served: ThreadServer, open_page: OpenPage, options: dict[str, Any]) -> None:
    create(served, "exports", NIGHTLY, OFTEN)
    page = open_page(f"{served.url}/ui/pipelines/1", **options)
    board = open_page(served.url)
    nightly = page.locator(".schedule", has_text="At 02:30")

    for name in ("nightly", "often"):
        page.get_by_role("link", name=f"Pause {name}").click()
        page.get_by_label("How long").select_option("1 day")
        page.get_by_role("button", name="Pause", exact=True).click()
        expect(page.get_by_role("link", name=f"Resume {name}")).to_be_visible()
    expect(nightly).to_contain_text("Its ticks are recorded as paused")
    expect(nightly.locator(".next-times")).to_have_count(0)
    expect(board.locator(".pipeline .next")).to_contain_text("Paused")
    page.get_by_role("link", name="Resume nightly").click()
    page.get_by_label("Run now").select_option("No tick of the pause")
    page.get_by_role("button", name="Resume", exact=True).click()

    expect(page.get_by_role("link", name="Pause nightly")).to_be_visible()
    expect(nightly.locator(".next-times tbody tr")).to_have_count(5)
    expect(board.locator(".pipeline .next")).not_to_contain_text("Paused")
    stored = served.do(served.headgate.fakes.reader.schedules(1))
    assert [(view.name, view.paused_at is None) for view in stored] == [("nightly", True), ("often", False)]


def test_a_schedule_runs_now(served: ThreadServer, open_page: OpenPage) -> None:
    create(served, "exports", NIGHTLY)
    page = open_page(f"{served.url}/ui/pipelines/exports")

    page.get_by_role("button", name="Run now nightly").click()

    arrived(page, "h1", "exports#1")


def test_a_scheduled_pipeline_lives_from_its_definition_to_its_pause(served: ThreadServer, open_page: OpenPage) -> None:
    """Create it in the editor, see it fire, read the calendar, and pause it."""
    create(served, "exports")
    page = open_page(f"{served.url}/ui/pipelines/exports/edit")
    text = page.get_by_label("Definition").input_value()
    page.get_by_label("Definition").fill(f"{text}\nschedules:\n- name: often\n  every: 5s\n")
    expect(page.locator("#preview")).to_contain_text("Every 5 seconds")
    page.get_by_role("button", name="Save new revision").click()
    arrived(page, "h1", "exports")
    first = page.locator(".next-times time").first.get_attribute("datetime")
    page.wait_for_function("at => new Date(at) <= new Date()", arg=first)
    fire(served)
    expect(page.locator(".tick-strip a")).to_have_count(1)

    page.get_by_role("link", name="Calendar of all pipelines").click()
    arrived(page, "h1", "Schedule")
    expect(page.locator(".calendar tbody tr")).to_contain_text("exports")
    expect(page.locator(".calendar .is-queued").first).to_be_visible()
    page.get_by_role("link", name="exports").first.click()
    page.get_by_role("link", name="Pause often").click()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".schedule")).to_contain_text("Paused")
    before = get_states(served)
    fire(served)

    assert before == ["fired"] and get_states(served) == before, "a paused schedule does not fire"


ALL_BUTTONS = {"Pause nightly", "Run now nightly"}


@pytest.mark.parametrize(
    ("role", "buttons"),
    [(Role.VIEWER, set()), (Role.OPERATOR, ALL_BUTTONS), (Role.ADMIN, ALL_BUTTONS)],
    ids=["viewer", "operator", "admin"],
)
def test_people_see_the_actions_of_their_role(team: ThreadServer, open_page: OpenPage, role: Role, buttons: set[str]) -> None:
    create(team, "exports", NIGHTLY)
    page = open_page(f"{team.url}/ui/pipelines/exports", expected=REFUSED)
    sign_in(page, role)
    expect(page.locator(".schedule")).to_contain_text("At 02:30 every day")

    shown = page.locator(".schedule .actions :is(a, button):visible")

    assert {" ".join(text.split()) for text in shown.all_inner_texts()} == buttons
    if role is Role.ADMIN:
        page.get_by_role("link", name="Edit", exact=True).click()
        text = page.get_by_label("Definition").input_value()
        page.get_by_label("Definition").fill(text.replace("30 2 * * *", "15 4 * * *"))
        expect(page.locator("#preview")).to_contain_text("At 04:15 every day")
