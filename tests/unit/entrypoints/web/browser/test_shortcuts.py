"""Keyboard shortcuts and spoken announcements in a real browser (WCAG 2.1.4, 2.2.4)."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.run_stories import end
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived

OpenPage = Callable[..., Page]


def test_a_key_that_starts_a_run_asks_first(served: ThreadServer, open_page: OpenPage) -> None:
    served.do(served.headgate.stories.add_pipeline("alpha"))
    page = open_page(f"{served.url}/ui/pipelines/alpha")
    runs = served.headgate.fakes.store.committed.runs

    page.keyboard.press("t")
    dialog = page.get_by_role("dialog", name="Trigger alpha?")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator("[data-trigger]")).to_be_focused()
    page.keyboard.press("t")
    dialog.get_by_role("button", name="Don’t trigger").click()
    expect(dialog).to_have_count(0)
    assert not runs

    page.keyboard.press("t")
    page.keyboard.press("Enter")
    arrived(page, "h1", "alpha#1")
    assert len(runs) == 1


def test_shortcuts_can_be_turned_off_in_a_browser(served: ThreadServer, open_page: OpenPage) -> None:
    served.do(served.headgate.stories.add_pipeline("alpha"))
    page = open_page(f"{served.url}/ui/pipelines/alpha")
    keys, trigger_key = page.get_by_role("dialog", name="Keyboard shortcuts"), page.locator("[data-trigger] kbd")
    expect(trigger_key).to_be_visible()

    page.get_by_role("contentinfo").get_by_role("button", name="Keyboard shortcuts").click()
    keys.get_by_label("Use these keys in this browser").uncheck()
    keys.get_by_role("button", name="Close").click()
    page.reload()
    expect(trigger_key).to_be_hidden()
    for key in ("?", "t", "g", "r"):
        page.keyboard.press(key)

    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page).to_have_url(f"{served.url}/ui/pipelines/alpha")
    page.get_by_role("contentinfo").get_by_role("button", name="Keyboard shortcuts").click()
    keys.get_by_label("Use these keys in this browser").check()
    keys.get_by_role("button", name="Close").click()
    page.keyboard.press("?")
    expect(keys).to_be_visible()


def test_runs_that_end_are_announced_once_in_ten_seconds_in_one_sentence(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    names = ("first", "b", "c", "d", "e", "f")
    pipelines = {name: served.do(headgate.stories.add_pipeline(name, [a_stage("a", "external")])) for name in names}
    runs = {name: served.do(headgate.stories.open_run(pipeline)) for name, pipeline in pipelines.items()}
    page = open_page(served.url, is_paused=True)
    expect(page.locator("#live-state")).to_have_text("Live")

    def end_run(name: str, status: Status) -> None:
        served.do(headgate.stories.change_run(runs[name], end("a", status, headgate.fakes.clock.now())))
        expect(page.locator(f"#pipeline-{pipelines[name].id} [data-state]").first).to_have_attribute("data-state", status)

    end_run("first", Status.COMPLETED)
    page.clock.run_for(100)
    expect(page.locator("#announcer")).to_have_text("first completed.")
    for name in names[1:]:
        end_run(name, Status.COMPLETED if name == "b" else Status.FAILED)
    page.clock.run_for(9_000)
    expect(page.locator("#announcer")).to_have_text("first completed.")
    page.clock.run_for(2_000)

    expect(page.locator("#announcer")).to_have_text("5 runs ended: 1 completed, 4 failed. Look at c, d, e and 1 more.")
