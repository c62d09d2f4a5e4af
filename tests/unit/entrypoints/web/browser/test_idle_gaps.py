"""The waterfall of a run that waited for people, in a real browser: idle gaps are cut, and bars keep their order."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from adapters.system.clock import SystemClock
from domain.access.actor import Actor
from domain.runs.retry import retry_failed
from domain.runs.status import Status
from tests.support.accessibility import expect_no_axe_issues_in_both_themes
from tests.support.builders import a_stage
from tests.support.in_process import InProcessHeadgate
from tests.support.run_stories import end, start
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
WIDE: Final = {"width": 1440, "height": 900}
PHONE: Final = {"width": 360, "height": 740}
NIGHT: Final = timedelta(hours=8, minutes=12)


@pytest.fixture
def waiting() -> Iterator[tuple[ThreadServer, int]]:
    """A run that failed, was retried after a night, and has waited for an approval for two hours."""
    with InProcessHeadgate(clock=SystemClock()).serve_in_thread() as served:
        yield served, served.do(furnish(served.headgate))


async def furnish(headgate: InProcessHeadgate) -> int:
    stages = [a_stage("load"), a_stage("ask", "approval", needs=["load"]), a_stage("publish", needs=["ask"])]
    pipeline = await headgate.stories.add_pipeline("deploy", stages)
    begin = headgate.fakes.clock.now() - NIGHT - timedelta(hours=2, minutes=2)
    run_id = await headgate.stories.open_run(pipeline, begin)
    failed = begin + timedelta(seconds=60)
    await headgate.stories.change_run(
        run_id,
        lambda run: start(run, begin),
        end("load", Status.FAILED, failed, error="no room"),
        lambda run: retry_failed(run, failed + NIGHT, Actor("mara")),
        lambda run: start(run, failed + NIGHT),
        end("load", Status.COMPLETED, failed + NIGHT + timedelta(seconds=60)),
    )
    return run_id


def test_a_run_that_waited_twice_shows_its_work_and_goes_on(waiting: tuple[ThreadServer, int], open_page: OpenPage) -> None:
    served, run_id = waiting
    page = open_page(f"{served.url}/ui/runs/{run_id}?view=waterfall", viewport=WIDE)
    labels, cuts, bars = page.locator(".cut-label"), page.locator(".axis .cut"), page.locator(".lane .bar")
    expect(page.locator(".run-title")).to_contain_text("2 m · waited 8 h 12 m for a retry · waiting 2 h")
    expect(labels).to_have_text(["8 h 12 m idle", "2 h idle"])
    expect(page.get_by_text("Not to scale: 8 h 12 m idle, until it was retried; 2 h idle, waiting for approval.")).to_be_attached()

    first, second = (get_span(page, ".lane .bar.is-failed"), get_span(page, ".lane .bar.is-completed"))
    night, afternoon = get_span(page, ".axis .cut", 0), get_span(page, ".axis .cut", 1)
    now = get_span(page, ".lane .now")
    assert first[1] <= night[0] + 2 and night[1] - 2 <= second[0] and second[1] <= afternoon[0] + 2 and afternoon[1] - 3 <= now[0]
    assert min(first[1] - first[0], second[1] - second[0]) > 3 * (night[1] - night[0]), "the work is what the axis shows"
    expect(cuts).to_have_count(2)

    page.get_by_role("link", name="ask: attempts and actions").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".status-text")).to_contain_text("Queued for")
    served.do(finish(served.headgate, run_id))

    expect(page.locator('.run-title[data-state="completed"]')).to_contain_text("for people")
    expect(bars).to_have_count(3)
    expect(labels).to_have_text(["8 h 12 m idle", "2 h idle"])
    expect(page.locator(".lane .now")).to_have_count(0)


async def finish(headgate: InProcessHeadgate, run_id: int) -> None:
    now = headgate.fakes.clock.now()
    done = now + timedelta(seconds=30)
    await headgate.stories.change_run(run_id, lambda run: start(run, now), end("publish", Status.COMPLETED, done))


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_no_issues_and_labels_do_not_overlap(
    waiting: tuple[ThreadServer, int], open_page: OpenPage, viewport: dict[str, int]
) -> None:
    served, run_id = waiting
    page = open_page(f"{served.url}/ui/runs/{run_id}?view=waterfall", viewport=viewport, reduced_motion="reduce")

    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    texts = page.locator(".axis text:visible")
    spans = sorted(get_span(page, ".axis text:visible", index) for index in range(texts.count()))
    assert len(spans) >= 3
    assert all(left[1] <= right[0] for left, right in pairwise(spans)), spans
    expect_no_axe_issues_in_both_themes(page)


def get_span(page: Page, selector: str, index: int = 0) -> tuple[float, float]:
    """Return the left and the right edge of an element in pixels."""
    box = page.locator(selector).nth(index).bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]
