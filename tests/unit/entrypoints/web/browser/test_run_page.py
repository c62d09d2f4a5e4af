"""A run's page in a real browser: from failure to retry by keyboard, touch and without scripts, and long logs."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Request, expect

from adapters.system.clock import SystemClock
from application.queries.views.logs import LogLineView
from domain.runs.status import Status
from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.builders import a_stage
from tests.support.example_board import furnish
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import AttemptStory, end, start
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived, until

OpenPage = Callable[..., Page]
PHONE = {"width": 360, "height": 740}
ERROR = "ValueError: 3 rows too few"


@pytest.fixture(scope="module")
def shown() -> Iterator[tuple[ThreadServer, dict[str, str]]]:
    """A Headgate with example runs for read-only tests, and the path of a run in each state."""
    with InProcessHeadgate(clock=SystemClock()).serve_in_thread() as served:
        found = served.do(furnish(served.headgate))
        failed, running, waiting = found["nightly-warehouse"], found["flights"], served.do(_approval(served.headgate))
        yield (
            served,
            {
                "failed": f"/ui/runs/{failed}",
                "found": f"/ui/runs/{failed}?view=list&q=batch",
                "running": f"/ui/runs/{running}?view=graph",
                "approval": f"/ui/runs/{waiting}",
                "decide": f"/ui/runs/{waiting}/stages/ship",
                "compare": f"/ui/runs/{failed}/compare",
                "retry": f"/ui/runs/{failed}/retry",
                "again": f"/ui/runs/{running}/again",
                "events": f"/ui/runs/{failed}/events",
            },
        )


STATES = ("failed", "found", "running", "approval", "decide", "compare", "retry", "again", "events")


async def _approval(headgate: InProcessHeadgate) -> int:
    fields = {"type": "object", "properties": {"share": {"type": "integer", "minimum": 1}}, "required": ["share"]}
    pipeline = await headgate.stories.add_pipeline(
        "release", ["build", a_stage("ship", "approval", message="Ship 4.2?", fields=fields), "tell"]
    )
    run_id = await headgate.stories.open_run(pipeline)
    now = headgate.fakes.clock.now()
    await headgate.stories.change_run(run_id, lambda run: start(run, now), _given, end("build", Status.COMPLETED, now))
    return run_id


def _given(run: object) -> None:
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    links = {"Report": "https://example.com/report", "Odd": "javascript:alert(1)"}
    summary = "# Built\n\n**3** files\n\n| a |\n|---|\n| 1 |"
    run.stages["build"].current.output = {  # type: ignore[attr-defined]
        "summary": summary,
        "links": links,
        "images": [{"title": "a pixel", "data": pixel}],
        "rows": 12,
    }


def _fail(served: ThreadServer) -> int:
    """Create a run whose second stage failed, with its log."""
    headgate = served.headgate
    pipeline = served.do(headgate.stories.add_pipeline("nightly", ["load", "check", "publish"]))
    story = {"load": [AttemptStory(5, records=10)], "check": [AttemptStory(2, Status.FAILED, error=ERROR)]}
    run_id = served.do(headgate.stories.play_run(pipeline, headgate.fakes.clock.now(), story))
    served.do(headgate.stories.append_log(run_id, "check", [*(f"row {n}" for n in range(400)), f"!{ERROR}", "bye"]))
    return run_id


def _finish(served: ThreadServer, run_id: int) -> None:
    headgate = served.headgate
    for stage in ("check", "publish"):
        now = headgate.fakes.clock.now()
        served.do(headgate.stories.change_run(run_id, lambda run, now=now: start(run, now), end(stage, Status.COMPLETED, now)))  # type: ignore[misc]


@pytest.mark.parametrize("name", STATES)
def test_axe_finds_no_issues_and_a_phone_needs_no_sideways_scrolling(
    shown: tuple[ThreadServer, dict[str, str]], open_page: OpenPage, name: str
) -> None:
    served, paths = shown
    page = open_page(served.url + paths[name], viewport=PHONE, reduced_motion="reduce")

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.set_viewport_size({"width": 1440, "height": 900})
    expect_no_axe_issues_in_both_themes(page)


def test_an_embedded_image_is_served_from_this_server(shown: tuple[ThreadServer, dict[str, str]], open_page: OpenPage) -> None:
    served, paths = shown
    page = open_page(served.url + paths["approval"])

    picture = page.get_by_role("img", name="a pixel")
    picture.scroll_into_view_if_needed()

    until(page, lambda: page.locator(".images img").evaluate("(image) => image.naturalWidth") == 1)
    expect(page.get_by_role("link", name="Odd")).to_have_count(0)


def test_by_keyboard_alone_from_the_board_to_a_finished_retry(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _fail(served)
    page = open_page(served.url)
    keys = page.keyboard
    expect(page.locator("#live-state")).to_have_text("Live")

    keys.press("g")
    keys.press("r")
    arrived(page, "h1", "Runs")
    keys.press("j")
    keys.press("Enter")
    arrived(page, ".error", ERROR)
    keys.press("e")
    expect(page.locator("#L401.target")).to_be_in_viewport()
    arrived(page, "#L401 code", ERROR)
    keys.press("r")
    expect(page.get_by_role("button", name="Retry from check")).to_be_focused()
    page.evaluate("window.unreloaded = true")
    keys.press("Enter")
    expect(page.locator('.stage-row[data-stage="check"][data-state="queued"]')).to_be_attached()
    _finish(served, run_id)

    expect(page.locator('.run-title[data-state="completed"]')).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("nightly#1 completed.")
    assert page.evaluate("window.unreloaded") is True


def test_by_touch_on_a_phone_from_the_board_to_a_finished_retry(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _fail(served)
    page = open_page(served.url, viewport=PHONE, has_touch=True, is_mobile=True)

    page.get_by_role("link", name="Runs", exact=True).tap()
    arrived(page, "h1", "Runs")
    page.locator(f'a[href="/ui/runs/{run_id}"]').first.tap()
    arrived(page, ".error", ERROR)
    page.get_by_role("link", name="Line 401 of the log").tap()
    expect(page.locator("#L401")).to_be_in_viewport()
    page.get_by_role("link", name="Retry from check").tap()
    page.get_by_role("button", name="Retry from check").tap()
    expect(page.locator('.stage-row[data-stage="check"][data-state="queued"]')).to_be_attached()
    _finish(served, run_id)

    expect(page.locator('.run-title[data-state="completed"]')).to_be_visible()


def test_without_a_script_the_log_is_searched_and_the_run_retried(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _fail(served)
    page = open_page(f"{served.url}/ui/runs/{run_id}", java_script_enabled=False)

    page.get_by_label("Search the log").fill("row 39")
    page.keyboard.press("Enter")
    expect(page.locator(".hit-list li")).to_have_count(11)
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.locator("#L391.target")).to_be_visible()
    page.get_by_role("link", name="Retry from check").click()
    page.get_by_role("button", name="Retry from check").click()

    expect(page.locator("h1")).to_contain_text("nightly#1")
    assert served.headgate.fakes.store.committed.runs[run_id].stages["check"].status is Status.QUEUED


def test_an_approval_is_decided_in_a_dialog_after_its_fields_are_right(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = served.do(_approval(served.headgate))
    page = open_page(f"{served.url}/ui/runs/{run_id}", expected=("422",))
    expect(page.locator("#live-state")).to_have_text("Live")

    page.get_by_role("link", name="Approve or reject").click()
    page.get_by_label("share").fill("0")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("#action-dialog .field-error")).to_contain_text("share")
    page.get_by_label("share").fill("20")
    page.get_by_role("button", name="Approve").click()

    expect(page.locator("#action-dialog")).to_be_hidden()
    expect(page.locator('.stage-row[data-stage="ship"][data-state="completed"]')).to_be_attached()
    expect(page.get_by_role("link", name="Approve or reject")).to_be_hidden()


def test_the_status_text_shows_times_in_the_users_time_zone(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = served.do(_approval(served.headgate))

    page = open_page(f"{served.url}/ui/runs/{run_id}", timezone_id="Asia/Tokyo")
    since = page.locator(".status-text time")

    at = datetime.fromisoformat(since.get_attribute("datetime") or "").astimezone(ZoneInfo("Asia/Tokyo"))
    expect(since).to_have_text(re.compile(f"^{at:%H:%M:%S} today$|^.*{at:%H:%M}$"))
    expect(page.locator(".status-text").first).not_to_contain_text("UTC")


def test_the_dialog_shows_that_someone_else_was_faster(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _fail(served)
    page = open_page(f"{served.url}/ui/runs/{run_id}", expected=("409",))

    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Retry from check")).to_be_visible()
    page.request.post(f"{served.url}/runs/{run_id}/retry")
    page.get_by_role("button", name="Retry from check").click()

    expect(page.locator("#action-dialog [role=alert]")).to_contain_text("No stage of this run failed")


def test_a_log_of_100000_lines_keeps_the_page_small(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline(stages=["a"]))))
    at = headgate.fakes.clock.now()
    stored = {(run_id, n): LogLineView(n, at, "stdout", f"line {n}", "a", 1) for n in range(1, 100_001)}
    headgate.fakes.store.committed.log_lines.update(stored)
    page = open_page(f"{served.url}/ui/runs/{run_id}")
    page.locator("#log").scroll_into_view_if_needed()
    expect(page.locator("#L100000")).to_be_in_viewport()
    requested: list[str] = []
    page.on("request", lambda request: _record(request, requested))
    count_nodes = "document.querySelectorAll('*:not(.axis > *, .rule)').length"  # the axis gets marks as time passes
    nodes = page.evaluate(count_nodes)
    lines = page.locator("#log-lines li")

    assert lines.count() == 300
    _scroll(page, "box.scrollTop = 0", enough=lambda first, last: first <= 98_500)

    until(page, lambda: len(requested) == (99_701 - _ends(page)[0]) // 300)  # the last response may still be pending
    assert lines.count() <= 1_000
    assert page.evaluate(count_nodes) <= nodes + 6 * 700
    numbers = lines.evaluate_all("all => all.map((one) => Number(one.dataset.n))")
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "a line is missing or doubled"
    expect(page.locator("#follow")).not_to_be_checked()

    page.get_by_role("link", name="Show the newest").click()
    expect(page.locator("#L100000")).to_be_attached()
    expect(lines).to_have_count(300)


def test_scrolling_down_reaches_new_lines_without_a_gap(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline(stages=["a"]))))
    served.do(headgate.stories.append_log(run_id, "a", [f"line {n}" for n in range(1, 1_001)]))
    page = open_page(f"{served.url}/ui/runs/{run_id}?line=500#L500")
    expect(page.locator("#live-state")).to_have_text("Live")
    page.locator("#log").scroll_into_view_if_needed()
    expect(page.locator("#L500.target")).to_be_in_viewport()

    served.do(headgate.stories.append_log(run_id, "a", [f"line {n}" for n in range(1_001, 1_101)], first=1_000))
    assert page.locator("#L1001").count() == 0
    _scroll(page, "box.scrollTop = box.scrollHeight", enough=lambda first, last: last == 1_100)
    served.do(headgate.stories.append_log(run_id, "a", ["live again"], first=1_100))

    expect(page.locator("#L1101")).to_be_attached()
    numbers = page.locator("#log-lines li").evaluate_all("all => all.map((one) => Number(one.dataset.n))")
    assert numbers == list(range(numbers[0], 1_102))


def _record(request: Request, requested: list[str]) -> None:
    if "/lines" in request.url:
        requested.append(request.url)


def _scroll(page: Page, how: str, enough: Callable[[int, int], bool]) -> None:
    """Scroll until the page contains the expected lines."""
    box = page.locator("#log-lines")

    def once() -> bool:
        before = _ends(page)
        if enough(*before):
            return True
        until(page, lambda: _ends(page) != before or box.evaluate(f"(box) => {{ {how}; }}"))  # while following, a new line scrolls back
        return False

    until(page, once)


def _ends(page: Page) -> tuple[int, int]:
    """Return the first and the last line in the page."""
    first, last = page.locator("#log-lines").evaluate(
        "(box) => { const all = box.querySelectorAll('li'); return [all[0], all[all.length - 1]].map((one) => Number(one.dataset.n)); }"
    )
    return first, last


def test_j_and_k_move_through_the_log_while_it_has_the_focus(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline(stages=["a"]))))
    served.do(headgate.stories.append_log(run_id, "a", [f"line {n}" for n in range(1, 101)]))
    page = open_page(f"{served.url}/ui/runs/{run_id}?line=50#L50")
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator("#L50.target")).to_be_in_viewport()
    page.locator("#L50 a").focus()

    for key in "jjjk":
        page.keyboard.press(key)
    expect(page.locator("#L52 a")).to_be_focused()
    for _ in range(40):
        page.keyboard.press("j")
    expect(page.locator("#L92 a")).to_be_focused()
    expect(page.locator("#L92")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{served.url}/ui/runs/{run_id}?line=50#L92")
    expect(page.locator("#L92.target")).to_be_attached()

    page.locator("#log-lines").focus()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('#log-lines li') !== null")
