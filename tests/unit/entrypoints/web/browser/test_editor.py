"""The editor of definitions in a real browser: line numbers, messages at their lines, the form, unsaved text, keyboard and phone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived, until

OpenPage = Callable[..., Page]
PHONE = {"width": 360, "height": 740}
NIGHTLY = "# Every night\nname: nightly\nstages:\n  - name: dump  # first\n    command: ['true']\n"


def create(served: ThreadServer, text: str = NIGHTLY) -> None:
    answer = served.do(served.headgate.page_client.post("/ui/new", data={"definition": text}))
    assert answer.status_code == 303


def write(page: Page, text: str) -> None:
    page.get_by_label("Definition").fill(text)


def read(page: Page) -> str:
    return page.get_by_label("Definition").input_value()


def test_a_pipeline_is_written_by_form_and_text_and_checked_while_typing(served: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/ui/new", expected=("422",))
    text = page.get_by_label("Definition")

    page.locator("#name").fill("orders")
    page.get_by_label("Name of the stage").click()
    expect(text).to_have_value("name: orders\n")
    page.get_by_label("Name of the stage").fill("dump")
    page.get_by_label("Command", exact=False).first.fill("ls | wc -l")
    expect(page.locator("#shell-hint")).to_contain_text("| needs a shell")
    page.get_by_role("button", name="Use shell: true").click()
    expect(page.locator("#shell-hint")).to_be_hidden()
    page.get_by_role("button", name="Add stage").last.click()
    expect(text).to_have_value(re.compile(r"  - name: dump\n    kind: command\n    command: ls \| wc -l\n    shell: true\n$"))
    expect(page.locator("#preview .node")).to_have_count(1)

    page.get_by_label("Name of the stage").fill("ask")
    page.get_by_label("Kind").select_option("approval")
    expect(page.locator("#stage-command")).to_be_hidden()
    page.get_by_label("Question").fill("Go on?")
    page.get_by_role("checkbox", name="dump").check()
    page.get_by_role("button", name="Add stage").last.click()
    expect(page.locator("#preview .node")).to_have_count(2)
    assert "needs: [dump]\n    message: Go on?" in read(page)

    text.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("schedules:\nname: night\ncron: 99 * * * *\n")
    expect(page.locator(".editor-message")).to_have_count(1)
    write(page, read(page).partition("schedules")[0] + "schedules:\n  - {name: night, cron: 30 2 * * *}\n")
    expect(page.locator("#preview")).to_contain_text("At 02:30 every day")
    page.get_by_role("button", name="Create pipeline").click()

    arrived(page, "h1", "orders")
    page.get_by_role("link", name="Edit").click()
    expect(text).to_have_value(re.compile("cron: 30 2"))
    expect(page.locator("#restored")).to_be_hidden()


def test_the_number_of_problems_is_announced_once_in_ten_seconds_if_it_changed(served: ThreadServer, open_page: OpenPage) -> None:
    create(served)
    page = open_page(f"{served.url}/ui/pipelines/nightly/edit", is_paused=True)
    announcer, problems = page.locator("#announcer"), page.locator("#problems li")

    def check(text: str, count: int) -> None:
        write(page, text)
        page.clock.run_for(500)
        expect(problems).to_have_count(count)

    check(NIGHTLY + "# more\n", 0)
    page.clock.run_for(10_000)
    expect(announcer).to_be_empty()
    check(NIGHTLY + "    retries: -1\n", 1)
    page.clock.run_for(100)
    expect(announcer).to_have_text("1 problem")
    check(NIGHTLY + "    retries: -1\n    timeout: x\n", 2)
    check(NIGHTLY, 0)
    page.clock.run_for(8_000)
    expect(announcer).to_have_text("1 problem")
    page.clock.run_for(2_000)

    expect(announcer).to_have_text("No problems")
    expect(page.locator("#preview")).not_to_have_attribute("role", "status")


def test_problems_stand_at_their_lines_and_lead_there(served: ThreadServer, open_page: OpenPage) -> None:
    create(served)
    page = open_page(f"{served.url}/ui/pipelines/nightly/edit")
    numbers = page.locator(".editor-lines pre")
    expect(numbers).to_have_text(re.compile(r"^1\s2\s3\s4\s5\s6$"))

    write(page, NIGHTLY + "    retries: -1\n  - name: count\n    command: [ls, '|', wc]\n")

    message = page.locator(".editor-message").first
    expect(message).to_contain_text("must be a whole number")
    box, area = message.bounding_box(), page.locator("#definition").bounding_box()
    assert box and area and round((box["y"] - area["y"] - 8) / 20) == 5
    page.get_by_role("button", name="Line 6").click()
    expect(page.locator("#editor-line")).to_contain_text("Line 6, column 1: must be a whole number")
    page.get_by_role("button", name="Set shell: true in count").click()
    expect(page.get_by_label("Definition")).to_have_value(re.compile(r"    command: ls \| wc\n    shell: true\n$"))
    page.get_by_label("Definition").focus()
    page.keyboard.press("Control+z")
    expect(page.get_by_label("Definition")).to_have_value(re.compile(r"\[ls, '\|', wc\]\n$"))


def test_tab_indents_and_escape_leaves_the_field(served: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/ui/new")
    text = page.get_by_label("Definition")

    text.focus()
    page.keyboard.type("a:")
    page.keyboard.press("Enter")
    page.keyboard.type("b: 1")
    assert read(page) == "a:\n  b: 1"
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    assert read(page) == "a:\n    b: 1"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+a")
    page.keyboard.press("Tab")
    assert read(page) == "  a:\n    b: 1"
    page.keyboard.press("Control+z")
    assert read(page) == "a:\n  b: 1"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "definition"
    assert read(page) == "a:\n  b: 1"
    expect(text).to_have_accessible_description(re.compile("press Esc, then Tab"))


def test_unsaved_text_asks_before_it_is_left_and_survives(served: ThreadServer, open_page: OpenPage) -> None:
    create(served)
    page = open_page(f"{served.url}/ui/pipelines/nightly/edit")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.get_by_label("Definition").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("# mine")
    page.get_by_role("link", name="Runs").first.click()
    until(page, lambda: asked == ["beforeunload"])
    assert read(page).endswith("# mine")

    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{served.url}/ui/runs")
    page.goto(f"{served.url}/ui/pipelines/nightly/edit")
    expect(page.locator("#restored")).to_be_visible()
    assert read(page).endswith("# mine")
    page.get_by_role("button", name="Discard").click()
    assert read(page) == NIGHTLY
    page.reload()
    expect(page.locator("#restored")).to_be_hidden()
    assert read(page) == NIGHTLY


def test_changes_are_reviewed_before_they_are_saved(served: ThreadServer, open_page: OpenPage) -> None:
    create(served)
    page = open_page(f"{served.url}/ui/pipelines/nightly/edit")

    write(page, NIGHTLY.replace("['true']", "['false']"))
    page.get_by_role("button", name="Review changes").click()
    expect(page.locator("#review ins")).to_have_text(re.compile(r"command: \['false'\]"))
    page.get_by_role("button", name="Save revision 2").click()

    arrived(page, "h1", "nightly")
    page.goto(f"{served.url}/ui/pipelines/nightly/edit")
    expect(page.locator("#restored")).to_be_hidden()
    assert read(page) == NIGHTLY.replace("['true']", "['false']")


def test_two_thousand_lines_stay_quick_and_long_lines_scroll(served: ThreadServer, open_page: OpenPage) -> None:
    stages = "".join(f"  - name: s{number}\n    kind: external\n    needs: []\n    timeout: 9\n" for number in range(499))
    create(served, f"name: nightly\ndescription: {'long ' * 300}\nstages:\n{stages}")
    page = open_page(f"{served.url}/ui/pipelines/nightly/edit", viewport=PHONE)
    page.get_by_label("Definition").focus()
    page.keyboard.press("Control+End")

    page.keyboard.type("  - name: last\n")

    numbers, area = page.locator(".editor-lines pre"), page.locator("#definition")
    expect(numbers).to_have_text(re.compile(r"\s2001$"))
    assert area.evaluate("area => area.scrollTop") > 30_000
    assert area.evaluate("area => area.scrollWidth > area.clientWidth && getComputedStyle(area).whiteSpace === 'pre'")
    offsets = page.evaluate(
        "[document.getElementById('definition').scrollTop, document.querySelector('.editor-lines pre').style.transform]"
    )
    assert offsets[1] == f"translateY({-offsets[0]:g}px)"
    expect(page.locator(".editor-message")).to_contain_text("must be one of")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("kind", ["command", "http", "prefect"])
def test_the_editor_fits_a_phone_and_axe_finds_nothing(served: ThreadServer, open_page: OpenPage, kind: str) -> None:
    create(served)
    served.headgate.fakes.deployments.add("ml/train")
    for path in ("/ui/new?example=nightly", "/ui/pipelines/nightly/edit"):
        phone, page = open_page(served.url + path, viewport=PHONE), open_page(served.url + path, reduced_motion="reduce")
        for each in (phone, page):
            each.get_by_label("Kind").select_option(kind)
            each.get_by_text("More options").click()
            each.get_by_text("Write it in your own editor").click()
            each.get_by_label("Definition").fill("name: 9\nstages:\n  - name: a\n    command: [ls, '|', wc]\n    timeout: -1\n")
            expect(each.locator(".editor-message").first).to_be_visible()
        assert phone.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        expect_no_axe_issues_in_both_themes(page)


def test_without_scripts_the_form_writes_into_the_text_and_the_review_saves(served: ThreadServer, open_page: OpenPage) -> None:
    create(served)
    page = open_page(f"{served.url}/ui/pipelines/nightly/edit", java_script_enabled=False)

    page.get_by_label("Name of the stage").fill("ask")
    page.get_by_label("Kind").select_option("approval")
    page.get_by_role("button", name="Add stage").last.click()
    expect(page.get_by_text("Added the stage ask.")).to_be_visible()
    page.get_by_role("button", name="Review changes").click()
    expect(page.locator("#review ins").first).to_contain_text("- name: ask")
    page.get_by_role("button", name="Save revision 2").click()

    expect(page.locator(".revisions li").first).to_contain_text("Added stage ask")


@pytest.mark.parametrize("viewport", [PHONE, {"width": 1280, "height": 800}], ids=["phone", "wide"])
def test_a_revision_is_restored_and_a_pipeline_is_cloned(served: ThreadServer, open_page: OpenPage, viewport: dict[str, int]) -> None:
    create(served)
    changed = {"definition": NIGHTLY.replace("['true']", "['false']"), "revision": "1"}
    served.do(served.headgate.page_client.post("/ui/pipelines/nightly/edit", data=changed))
    page = open_page(f"{served.url}/ui/pipelines/nightly/revisions/1", viewport=viewport, reduced_motion="reduce")

    page.get_by_role("link", name="Restore").click()
    expect(page.locator("ins")).to_contain_text("command: ['true']")
    check_layout(page, viewport)
    page.get_by_role("button", name="Restore revision 1").click()
    arrived(page, "h1", "nightly")
    expect(page.locator(".revisions li").first).to_contain_text("restored from 1")
    page.get_by_role("link", name="Clone").click()
    arrived(page, "h1", "Clone")
    check_layout(page, viewport)
    page.get_by_label("Name of the clone").fill("weekly")
    page.keyboard.press("Enter")

    arrived(page, "h1", "weekly")
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_label("Definition")).to_have_value(NIGHTLY.replace("nightly", "weekly"))


def check_layout(page: Page, viewport: dict[str, int]) -> None:
    """Check that the page fits, and that axe finds nothing in both themes."""
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    expect_no_axe_issues_in_both_themes(page)


def test_typing_continues_in_the_next_field_while_the_name_is_written_into_the_text(served: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/ui/new")
    held: list[Route] = []

    def hold_fields(route: Route) -> None:
        if "apply=fields" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/*", hold_fields)
    page.locator("#name").fill("nightly")
    with page.expect_request(lambda request: "apply=fields" in (request.post_data or "")):
        page.locator("#description").focus()
    page.keyboard.type("Load ")
    held[0].continue_()
    expect(page.get_by_label("Definition")).to_have_value("name: nightly\n")
    page.keyboard.type("all")

    expect(page.locator("#description")).to_have_value("Load all")
    expect(page.get_by_label("Definition")).to_have_value("name: nightly\n")
