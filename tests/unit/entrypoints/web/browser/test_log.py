"""The log in a real browser: blocks that fold while lines arrive, errors with the lines above them, and runs of many stages."""

from collections.abc import Callable, Sequence

import pytest
from playwright.sync_api import Page, expect

from domain.runs.status import Status
from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.builders import a_stage
from tests.support.run_stories import AttemptStory, end, start
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.browser.page_waiting import arrived, until

OpenPage = Callable[..., Page]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 360, "height": 740}
ERROR = "ValueError: 3 rows too few"
READ_BLOCKS = """() => [...document.querySelectorAll(".log-block")].map((block) => [
    block.firstElementChild.innerText.replace(/\\s+/g, " ").trim(),
    [...block.querySelectorAll("li")].map((line) => line.dataset.n).join(" "),
])"""


def _open_run(served: ThreadServer, stages: Sequence[object]) -> int:
    """Open a run in which all stages have started."""
    headgate = served.headgate
    run_id = served.do(headgate.stories.open_run(served.do(headgate.stories.add_pipeline("nightly", stages))))
    served.do(headgate.stories.change_run(run_id, lambda run: start(run, headgate.fakes.clock.now())))
    return run_id


def _write(served: ThreadServer, run_id: int, *parts: tuple[str, int]) -> None:
    """Append lines to the logs of stages, in this order. Each part is (stage, number of lines)."""
    for stage, count in parts:
        served.do(served.headgate.stories.append_log(run_id, stage, [f"{stage} writes"] * count, first=_written[run_id, stage]))
        _written[run_id, stage] += count


class _Counts(dict[tuple[int, str], int]):
    def __missing__(self, key: tuple[int, str]) -> int:
        return 0


_written = _Counts()


@pytest.fixture(autouse=True)
def no_lines() -> None:
    _written.clear()


def _fail(served: ThreadServer, text: str = "row {}") -> int:
    """Create a run whose second stage failed after 60 lines of output."""
    headgate = served.headgate
    pipeline = served.do(headgate.stories.add_pipeline("nightly", ["load", a_stage("check", needs=["load"])]))
    story = {"load": [AttemptStory(5)], "check": [AttemptStory(2, Status.FAILED, error=ERROR)]}
    run_id = served.do(headgate.stories.play_run(pipeline, headgate.fakes.clock.now(), story))
    served.do(headgate.stories.append_log(run_id, "load", ["loaded"] * 30))
    served.do(headgate.stories.append_log(run_id, "check", [*(text.format(n) for n in range(60)), f"!{ERROR}", *["bye"] * 30]))
    return run_id


def test_folded_blocks_stay_folded_while_lines_arrive(served: ThreadServer, open_page: OpenPage) -> None:
    headgate = served.headgate
    run_id = _open_run(served, [a_stage("load", needs=[]), a_stage("check", needs=[])])
    _write(served, run_id, ("load", 6), ("check", 5))
    page = open_page(f"{served.url}/ui/runs/{run_id}", reduced_motion="reduce")
    expect(page.locator("#live-state")).to_have_text("Live")
    load, check = page.locator(".log-block").nth(0), page.locator(".log-block").nth(1)

    load.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#L1")).to_be_hidden()
    _write(served, run_id, ("check", 2), ("load", 4), ("check", 1), ("load", 1), ("check", 1), ("load", 5))
    expect(page.locator("#L25")).to_be_attached()
    assert [text for text, _ in page.evaluate(READ_BLOCKS)] == [
        "load attempt 1 running 6 lines",
        "check attempt 1 running 7 lines",
        "load attempt 1 running 4 lines",
        "check attempt 1 running load attempt 1 running 3 lines",
        "load attempt 1 running 5 lines",
    ]
    expect(page.locator("#L1")).to_be_hidden()
    expect(page.locator("#L14")).to_be_hidden()  # in a new block of the folded attempt
    expect(check.locator("#L13")).to_be_visible()
    served.do(headgate.stories.change_run(run_id, end("load", Status.COMPLETED, headgate.fakes.clock.now())))
    expect(load.locator("summary")).to_contain_text("completed")
    expect_no_axe_issues_in_both_themes(page)

    page.get_by_role("link", name="Fold all").click()
    _write(served, run_id, ("check", 9))
    expect(page.locator(".log-block").last.locator("summary")).to_contain_text("9 lines")
    assert page.locator(".log-block[open]").count() == 0
    page.evaluate("location.hash = 'L3'")
    expect(page.locator("#L3.target")).to_be_in_viewport()
    page.get_by_role("link", name="Unfold all").click()
    expect(page.locator("#L34")).to_be_visible()

    grouped = page.evaluate(READ_BLOCKS)
    page.reload()
    assert page.evaluate(READ_BLOCKS) == grouped, "the script groups lines differently than the server"


def test_earlier_lines_join_the_block_that_they_belong_to(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _open_run(served, [a_stage("load", needs=[]), a_stage("check", needs=[])])
    _write(served, run_id, ("check", 40), *[("load", 1), ("check", 2)] * 30, ("load", 350))
    page = open_page(f"{served.url}/ui/runs/{run_id}")
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator(".log-block")).to_have_count(1)

    page.get_by_role("link", name="Earlier lines").click()
    expect(page.locator("#L1")).to_be_attached()

    grouped = [block for _, block in page.evaluate(READ_BLOCKS)]
    assert [len(block.split()) for block in grouped] == [40, 90, 350]
    assert " ".join(grouped).split() == [str(n) for n in range(1, 481)]
    expect(page.get_by_role("link", name="Earlier lines")).to_be_hidden()
    expect(page.locator("#log-count")).to_have_text("Lines 1 to 480 of 480")


def test_earlier_lines_follow_when_a_mixed_block_is_folded(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _open_run(served, [a_stage("load", needs=[]), a_stage("check", needs=[])])
    _write(served, run_id, *[("load", 1), ("check", 2)] * 300)
    page = open_page(f"{served.url}/ui/runs/{run_id}")
    expect(page.locator("#live-state")).to_have_text("Live")
    expect(page.locator("#log-count")).to_have_text("Lines 601 to 900 of 900")

    page.locator(".log-block summary").click()

    expect(page.locator("#log-count")).to_have_text("Lines 1 to 900 of 900")


def test_folding_a_long_log_keeps_its_newest_lines(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _open_run(served, [a_stage("load", needs=[]), a_stage("check", needs=[])])
    _write(served, run_id, ("load", 600))
    page = open_page(f"{served.url}/ui/runs/{run_id}")
    expect(page.locator("#live-state")).to_have_text("Live")
    _write(served, run_id, ("check", 900))
    expect(page.locator("#log-count")).to_have_text("Lines 501 to 1,500 of 1,500")

    page.get_by_role("link", name="Fold all").click()
    _write(served, run_id, ("load", 9))

    expect(page.locator("#log-count")).to_have_text("Lines 510 to 1,509 of 1,509")
    assert page.locator(".log-block[open]").count() == 0


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_link_from_an_error_shows_ten_lines_above_it(served: ThreadServer, open_page: OpenPage, viewport: dict[str, int]) -> None:
    run_id = _fail(served)
    page = open_page(f"{served.url}/ui/runs/{run_id}?view=list", viewport=viewport)
    expect(page.locator("#live-state")).to_have_text("Live")

    page.get_by_role("link", name="Line 91 of the log").click()
    arrived(page, "#L91.target code", ERROR)

    assert "stage=check&attempt=1" in page.url
    expect(page.locator("#L91")).to_be_in_viewport()
    expect(page.locator("#L81")).to_be_in_viewport()
    expect(page.get_by_role("link", name="Line 81", exact=True)).to_be_visible()
    assert page.locator("#L1").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def test_unfinished_lines_continue_the_log(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _open_run(served, [a_stage("load", needs=[]), a_stage("check", needs=[])])
    _write(served, run_id, ("load", 3), ("check", 3))
    page = open_page(f"{served.url}/ui/runs/{run_id}", viewport=PHONE, reduced_motion="reduce")
    expect(page.locator("#live-state")).to_have_text("Live")

    for version, text in enumerate(("10 of 60", "20 of 60"), 1):
        served.do(served.headgate.stories.show_unfinished(run_id, "load", version, text))
        expect(page.locator("#log-lines .unfinished code")).to_have_text(text)
    expect(page.locator("#log-lines .unfinished .line-stage")).to_have_text("load")
    last, unfinished = page.locator("#L6 code").bounding_box(), page.locator(".unfinished code").bounding_box()
    assert last and unfinished and last["x"] == unfinished["x"] and 0 <= unfinished["y"] - last["y"] - last["height"] < 12
    expect_no_axe_issues_in_both_themes(page)

    served.do(served.headgate.stories.show_unfinished(run_id, "load", 3))
    expect(page.locator("#log-unfinished")).to_be_hidden()


def test_the_log_of_a_run_with_200_stages_is_near(served: ThreadServer, open_page: OpenPage) -> None:
    names = [f"shard-{n:03}" for n in range(199)]
    run_id = _open_run(served, [a_stage("start"), *(a_stage(name, needs=["start"]) for name in names)])
    served.do(served.headgate.stories.append_log(run_id, "start", ["begins"] * 20))
    page = open_page(f"{served.url}/ui/runs/{run_id}?view=list", viewport=DESKTOP, reduced_motion="reduce")
    expect(page.locator("#live-state")).to_have_text("Live")

    assert page.locator("#log-h").evaluate("(head) => head.getBoundingClientRect().top + scrollY") < 2 * DESKTOP["height"]
    assert len(set(page.locator(".log-stages .filter").evaluate_all("(all) => all.map((one) => one.offsetTop)"))) == 1
    expect_no_axe_issues_in_both_themes(page)
    page.get_by_label("Stage of the log").select_option("shard-150")
    page.get_by_role("button", name="Show").click()
    arrived(page, "#log-count", "No output yet.")
    expect(page.get_by_role("navigation", name="Stage").get_by_role("link", name="shard-150")).to_have_attribute("aria-current", "true")

    page.set_viewport_size(PHONE)
    page.goto(f"{served.url}/ui/runs/{run_id}")
    expect(page.get_by_role("link", name="Log", exact=True)).to_be_in_viewport()
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator("#log-h")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_a_line_is_opened_by_its_number(served: ThreadServer, open_page: OpenPage) -> None:
    run_id = _open_run(served, [a_stage("load", needs=[]), a_stage("check", needs=[])])
    _write(served, run_id, ("load", 700), ("check", 9))
    page = open_page(f"{served.url}/ui/runs/{run_id}?fold=1")

    page.get_by_label("Go to line").fill("L120")
    page.keyboard.press("Enter")
    expect(page.locator("#L120.target")).to_be_in_viewport()
    page.get_by_label("Go to line").fill("7,000")
    page.get_by_role("button", name="Go").click()

    expect(page.get_by_role("status").filter(has_text="Line 7,000 does not exist")).to_contain_text("The nearest line is 709.")
    until(page, lambda: page.locator("#L709.target").is_visible())
