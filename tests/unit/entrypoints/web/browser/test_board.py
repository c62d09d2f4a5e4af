"""The board, the lists and the waiting page in a real browser: live, by keyboard, without scripts, and after a restart."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from domain.runs.status import Status
from tests.support.builders import a_stage
from tests.support.run_stories import end
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived
from tests.unit.entrypoints.web.browser.test_live_pages import LOST_CONNECTION

OpenPage = Callable[..., Page]


def test_waiting_stages_are_counted_and_listed_without_a_reload(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    pipeline = served.do(headgate.stories.add_pipeline("certificates", [a_stage("renew", "external")]))
    board, waiting = open_page(served.url), open_page(f"{served.url}/ui/waiting")
    for page in (board, waiting):
        expect(page.locator("#live-state")).to_have_text("Live")
        page.evaluate("window.unreloaded = true")

    run_id = served.do(headgate.stories.open_run(pipeline))
    expect(board.locator("#waiting-count")).to_have_text("1")
    expect(waiting.locator(".waiting-list li")).to_have_count(1)
    served.do(headgate.stories.change_run(run_id, end("renew", Status.COMPLETED, headgate.fakes.clock.now())))
    expect(board.locator("#waiting-count")).to_be_hidden()
    expect(waiting.locator("#waiting")).to_contain_text("Nothing is waiting")

    assert board.evaluate("window.unreloaded") and waiting.evaluate("window.unreloaded")
    expect(board.locator("#announcer")).to_have_text("certificates completed.")


def test_new_and_changed_pipelines_appear_without_a_reload(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    for name in ("first", "old-name"):
        served.do(headgate.use_cases.create_pipeline(1, name=name))
    served.do(headgate.use_cases.trigger("old-name"))
    board, page, runs = (open_page(f"{served.url}{path}") for path in ("/", "/ui/pipelines/first", "/ui/runs"))
    for each in (board, page, runs):
        expect(each.locator("#live-state")).to_have_text("Live")
        each.evaluate("window.unreloaded = true")

    served.do(headgate.use_cases.create_pipeline(1, name="third"))
    expect(board.locator("#pipeline-3 .name")).to_have_text("third")
    expect(board.locator(".filter").first).to_have_text("All 3")
    served.do(headgate.application.change_pipeline()("first", {"name": "first", "stages": [a_stage("fetch"), a_stage("load")]}))
    expect(page.locator(".graph")).to_contain_text("fetch")
    served.do(headgate.application.change_pipeline()("old-name", {"name": "new-name", "stages": [a_stage("a")]}))
    expect(board.locator("#pipeline-2 .name")).to_have_text("new-name")
    expect(runs.locator("#runs")).to_contain_text("new-name")

    assert all(each.evaluate("window.unreloaded") for each in (board, page, runs))
    board.get_by_role("button", name="Trigger third").click()
    arrived(board, "h1", "third#1")


def test_the_page_before_the_first_pipeline_becomes_the_board(served: ThreadServer, open_page: OpenPage) -> None:
    page, filling_in = open_page(served.url), open_page(served.url)
    for each in (page, filling_in):
        expect(each.locator("#live-state")).to_have_text("Live")
    filling_in.get_by_label("Name", exact=False).first.fill("half a na")

    served.do(served.headgate.use_cases.create_pipeline(1, name="first"))

    expect(page.locator("#pipeline-1 .name")).to_have_text("first")
    expect(filling_in.locator("#toasts")).to_contain_text("A pipeline was created.")
    assert filling_in.get_by_label("Name", exact=False).first.input_value() == "half a na"


def test_a_comment_in_progress_survives_live_updates(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(
        headgate.stories.open_run(served.do(headgate.stories.add_pipeline("retrain", [a_stage("publish", "approval", message="Publish?")])))
    )
    page = open_page(f"{served.url}/ui/waiting")
    expect(page.locator("#live-state")).to_have_text("Live")
    page.get_by_label("Comment").fill("half a sen")

    served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline("other", [a_stage("x", "external")]))))
    expect(page.locator(".waiting-list li")).to_have_count(2)
    assert page.get_by_label("Comment").input_value() == "half a sen"
    page.get_by_role("button", name="Approve and continue").click()

    expect(page.locator("h1")).to_contain_text("retrain#1")
    assert headgate.fakes.store.committed.runs[run_id].stages["publish"].status is Status.COMPLETED


def test_without_scripts_a_user_filters_rejects_and_edits(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline("retrain", [a_stage("publish", "approval")]))))
    page = open_page(f"{served.url}/ui/runs", java_script_enabled=False)

    page.get_by_label("Pipeline").fill("retrain")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_navigation():
        page.get_by_role("link", name="Waiting").first.click()
    page.goto(f"{served.url}/ui/waiting")
    page.get_by_label("Comment").fill("not now")
    page.get_by_role("button", name="Reject").click()
    arrived(page, "h1", "retrain#1")
    assert headgate.fakes.store.committed.runs[run_id].status is Status.FAILED
    page.goto(f"{served.url}/ui/pipelines/retrain/edit")
    page.get_by_label("Definition").fill("name: retrain\ndescription: by hand\nstages: [{name: publish, kind: approval}]")
    page.get_by_role("button", name="Save new revision").click()

    expect(page.locator(".description")).to_have_text("by hand")
    expect(page.locator(".revisions li").first).to_contain_text("2")


def test_keyboard_shortcuts_open_every_section(served: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/ui/new")

    for key, title in (("w", "Waiting"), ("s", "System"), ("r", "Runs"), ("c", "Schedule"), ("p", "Pipelines")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        arrived(page, "h1", title)


def test_the_run_list_shows_new_and_changed_runs_live(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    pipeline = served.do(headgate.stories.add_pipeline(stages=[a_stage("a", "external")]))
    page = open_page(f"{served.url}/ui/runs")
    expect(page.locator("#live-state")).to_have_text("Live")

    run_id = served.do(headgate.stories.open_run(pipeline))
    expect(page.locator('tr[data-state="waiting"]')).to_have_count(1)
    served.do(headgate.stories.change_run(run_id, end("a", Status.FAILED, headgate.fakes.clock.now(), error="no")))
    expect(page.locator('tr[data-state="failed"]')).to_have_count(1)


def test_the_board_catches_up_after_a_server_restart(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    pipeline = served.do(headgate.stories.add_pipeline(stages=[a_stage("a", "external")]))
    run_id = served.do(headgate.stories.open_run(pipeline))
    page = open_page(served.url, expected=LOST_CONNECTION)
    expect(page.locator("#live-state")).to_have_text("Live")
    page.evaluate("window.unreloaded = true")

    served.pause()
    expect(page.locator("#live-state")).to_have_text("Reconnecting…")
    served.do(headgate.stories.change_run(run_id, end("a", Status.COMPLETED, headgate.fakes.clock.now())))
    served.resume()

    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator('.pipeline [data-state="completed"]')).to_be_visible()
    expect(page.locator("#waiting-count")).to_be_hidden()
    assert page.evaluate("window.unreloaded") is True


def test_on_a_phone_the_grid_opens_at_the_newest_run(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    pipeline = served.do(headgate.stories.add_pipeline(stages=["a"]))
    for _ in range(30):
        served.do(headgate.stories.open_run(pipeline))

    page = open_page(f"{served.url}/ui/pipelines/nightly", viewport={"width": 360, "height": 740})

    expect(page.locator(".stage-grid tbody tr").last.locator("td").nth(29)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_runs_are_filtered_by_part_of_a_name_and_by_local_days(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    pipeline = served.do(headgate.stories.add_pipeline("nightly-load"))
    midnight = datetime(2026, 3, 2, tzinfo=UTC)
    for hours in (-10, -4, 4):
        served.do(headgate.stories.open_run(pipeline, midnight + timedelta(hours=hours)))
    served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline("other"))))
    page = open_page(f"{served.url}/ui/runs", timezone_id="Asia/Tokyo")
    expect(page.locator("[data-zone-name]").first).to_have_text("Asia/Tokyo")
    assert page.locator("#pipeline-names option").evaluate_all("all => all.map(each => each.value)") == ["nightly-load", "other"]

    page.get_by_label("Pipeline").fill("LOAD")
    page.locator("#n-since").fill("2026-03-02")
    page.locator("#n-until").fill("2026-03-02")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(2)

    assert "zone=Asia%2FTokyo" in page.url
    expect(page.locator("tbody th")).to_have_text(["nightly-load#3", "nightly-load#2"])


def test_a_link_with_another_time_zone_keeps_its_days(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline())))
    page = open_page(f"{served.url}/ui/runs?since=2020-01-01&zone=America/New_York", timezone_id="Asia/Tokyo")
    page.wait_for_load_state("load")

    expect(page.locator("[data-zone-name]").first).to_have_text("America/New_York")
    assert page.locator("[data-zone]").input_value() == "America/New_York"
