"""Live pages in a real browser: changes without a reload, focus, keyboard shortcuts and accessibility."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from domain.runs.status import Status
from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.run_stories import end, start
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived, until

OpenPage = Callable[..., Page]
Exhibition = tuple[ThreadServer, dict[str, int]]
PHONE = {"width": 360, "height": 740}
LOST_CONNECTION = (
    "ERR_CONNECTION_REFUSED",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "htmx:sseError",
    "[object Event]",
)


def _paths(found: dict[str, int]) -> dict[str, str]:
    failed, running = found["nightly-warehouse"], found["flights"]
    return {
        "board": "/",
        "waterfall": f"/ui/runs/{running}",
        "graph": f"/ui/runs/{failed}?view=graph",
        "list": f"/ui/runs/{failed}?view=list",
        "pipeline": "/ui/pipelines/nightly-warehouse",
        "trigger": "/ui/pipelines/flights/trigger",
        "new": "/ui/new",
        "edit": "/ui/pipelines/nightly-warehouse/edit",
        "revision": "/ui/pipelines/nightly-warehouse/revisions/3?against=1",
        "runs": "/ui/runs",
        "waiting": "/ui/waiting",
        "system": "/ui/system",
        "error": "/ui/runs/0",
        "cancel": f"/ui/runs/{running}/cancel",
    }


PAGES = tuple(_paths({"nightly-warehouse": 0, "flights": 0}))


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_issues_in_either_theme(exhibition: Exhibition, open_page: OpenPage, name: str) -> None:
    served, found = exhibition
    page = open_page(served.url + _paths(found)[name], reduced_motion="reduce", expected=("404 (Not Found)",))

    expect_no_axe_issues_in_both_themes(page)


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_needs_no_sideways_scrolling(exhibition: Exhibition, open_page: OpenPage, name: str) -> None:
    served, found = exhibition
    page = open_page(served.url + _paths(found)[name], viewport=PHONE, expected=("404 (Not Found)",))

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_run_is_followed_to_its_end_without_a_reload(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    served.do(headgate.stories.add_worker())
    served.do(headgate.stories.add_pipeline(stages=["a", "b"]))
    page = open_page(served.url)
    page.get_by_role("button", name="Trigger nightly").click()
    expect(page.locator("h1")).to_contain_text("nightly#1")
    expect(page.locator("#live-state")).to_have_text("Live")
    page.evaluate("window.unreloaded = true")
    now = headgate.fakes.clock.now

    served.do(headgate.stories.change_run(1, lambda run: start(run, now())))
    expect(page.locator('.stage-row[data-stage="a"][data-state="running"]')).to_be_visible()
    served.do(headgate.stories.append_log(1, "a", ["hello <b>there</b>", "!careful"]))
    expect(page.locator("#L1 code")).to_have_text("hello <b>there</b>")
    expect(page.locator("#L2.stderr")).to_be_visible()
    served.do(headgate.stories.change_run(1, end("a", Status.COMPLETED, now(), records=12_345), lambda run: start(run, now())))
    expect(page.locator('.stage-row[data-stage="b"][data-state="running"]')).to_be_visible()
    expect(page.get_by_role("link", name="Cancel run")).to_be_visible()
    served.do(headgate.stories.change_run(1, end("b", Status.COMPLETED, now())))
    expect(page.locator('.run-title[data-state="completed"]')).to_be_visible()
    expect(page.get_by_role("link", name="Cancel run")).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("nightly#1 completed.")

    assert page.evaluate("window.unreloaded") is True


def test_a_change_is_on_the_board_soon_after_its_commit(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    pipeline = served.do(headgate.stories.add_pipeline(stages=[{"name": "a", "kind": "external"}]))
    run_id = served.do(headgate.stories.open_run(pipeline))
    page = open_page(served.url)
    expect(page.locator("#live-state")).to_have_text("Live")
    seen = "document.querySelector('[data-state=completed]') !== null"
    page.evaluate(f"""() => {{ window.seen = new Promise((done) => new MutationObserver(() => {seen} && done(Date.now()))
        .observe(document.body, {{subtree: true, childList: true, attributes: true}})) }}""")

    served.do(headgate.stories.change_run(run_id, end("a", Status.COMPLETED, headgate.fakes.clock.now())))
    committed = headgate.fakes.clock.now().timestamp() * 1_000

    assert page.evaluate("window.seen") - committed < 1_000  # by notification, not by the fallback poll


def test_a_lost_stream_is_shown_and_catches_up(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline(stages=[{"name": "a", "kind": "external"}]))))
    served.do(headgate.stories.append_log(run_id, "a", ["one", "two"]))
    page = open_page(f"{served.url}/ui/runs/{run_id}", expected=LOST_CONNECTION)
    expect(page.locator("#live-state")).to_have_text("Live")

    served.pause()
    expect(page.locator("#live-state")).to_have_text("Reconnecting…")
    served.resume()
    served.do(headgate.stories.append_log(run_id, "a", ["three", "four"], first=2))
    served.do(headgate.stories.change_run(run_id, end("a", Status.COMPLETED, headgate.fakes.clock.now())))

    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator('.run-title[data-state="completed"]')).to_be_visible()
    expect(page.locator("#log-lines li")).to_have_count(4)
    assert page.locator("#log-lines li").evaluate_all("all => all.map(one => one.dataset.n)") == ["1", "2", "3", "4"]


def test_focus_and_typing_survive_changes(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline(stages=[{"name": "a", "kind": "external"}]))))
    page = open_page(served.url)
    expect(page.locator("#live-state")).to_have_text("Live")
    page.locator(".pipeline .name").focus()
    page.evaluate("window.focused = document.activeElement")

    served.do(headgate.stories.change_run(run_id, end("a", Status.FAILED, headgate.fakes.clock.now(), error="no")))
    expect(page.locator('[data-state="failed"]')).to_be_visible()
    assert page.evaluate("document.activeElement === window.focused && document.activeElement.isConnected")

    page.keyboard.press("/")
    page.keyboard.type("night")
    served.do(headgate.stories.open_run(served.do(headgate.fakes.reader.pipeline("nightly"))))  # type: ignore[arg-type]
    expect(page.locator('[data-state="waiting"]')).to_be_visible()
    assert page.locator("#search").input_value() == "night"
    expect(page).to_have_url(re.compile("q=night"))


def test_the_log_keeps_a_bounded_number_of_lines_and_follows(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline(stages=["a"]))))
    page = open_page(f"{served.url}/ui/runs/{run_id}")
    expect(page.locator("#live-state")).to_have_text("Live")

    for part in range(4):
        served.do(headgate.stories.append_log(run_id, "a", [f"line {n}" for n in range(400)], first=part * 400))

    expect(page.locator("#L1600")).to_be_attached()
    expect(page.locator("#log-lines li")).to_have_count(1_000)
    follows = "box => box.scrollHeight - box.scrollTop - box.clientHeight < 8"
    until(page, lambda: page.locator("#log-lines").evaluate(follows))


def test_a_line_link_opens_at_its_line_even_far_back(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline(stages=["a"]))))
    served.do(headgate.stories.append_log(run_id, "a", [f"line {n}" for n in range(900)]))

    page = open_page(f"{served.url}/ui/runs/{run_id}#L120")

    expect(page.locator("#L120.target")).to_be_in_viewport()


def test_a_run_is_cancelled_by_key_after_asking(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline())))
    page = open_page(f"{served.url}/ui/runs/{run_id}")

    page.keyboard.press("c")
    page.get_by_role("button", name="Cancel the run").click()

    expect(page.locator('.run-title[data-state="cancelled"]')).to_be_visible()


def test_keys_move_open_and_go(served: ThreadServer, open_page: OpenPage) -> None:
    for name in ("alpha", "beta"):
        served.do(served.headgate.stories.add_pipeline(name))
    page = open_page(served.url)

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    arrived(page, "h1", "beta")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("p")
    arrived(page, "h1", "Pipelines")


def test_the_chosen_theme_is_remembered(served: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(served.url + "/ui/new")

    page.locator("#theme").click()
    page.locator("#theme").click()
    page.reload()

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_pages_read_and_trigger_without_a_script(served: ThreadServer, open_page: OpenPage) -> None:
    parameters = {"type": "object", "properties": {"month": {"type": "integer"}}, "required": ["month"]}
    served.do(served.headgate.stories.add_pipeline(parameters=parameters))
    page = open_page(served.url, java_script_enabled=False)

    page.get_by_role("link", name="Trigger nightly").click()
    page.get_by_label("month").fill("3")
    page.get_by_role("button", name="Trigger").click()
    expect(page.locator("h1")).to_contain_text("nightly#1")
    page.get_by_role("link", name="Cancel run").click()
    page.get_by_role("button", name="Cancel the run").click()

    expect(page.locator(".status.is-cancelled").first).to_be_visible()


def test_a_new_pipeline_appears_on_the_open_board(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    served.do(headgate.stories.add_pipeline("first"))
    page = open_page(served.url)
    expect(page.locator("#live-state")).to_have_text("Live")

    served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline("second"))))

    expect(page.locator(".pipeline .name")).to_have_text(["first", "second"])
