"""Names of 100 characters break no page, at any width."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from adapters.system.clock import SystemClock
from tests.support.accessibility import expect_no_axe_issues
from tests.support.example_board import PASSWORD
from tests.support.in_process import InProcessHeadgate
from tests.support.long_names import LONG, TEAM_ADDRESSES, employ_with_long_names, furnish_with_long_names, list_addresses
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
WIDTHS = (360, 900, 1440)
FIND_FAULTS = """
() => {
  const faults = [], width = document.documentElement.clientWidth;
  const scrolls = (each) => /auto|scroll/.test(getComputedStyle(each).overflow);
  const isInBox = ({ parentElement: parent }) => parent && parent !== document.body && (scrolls(parent) || isInBox(parent));
  const isDrawn = (each) => !each.closest("svg, pre, .hidden, .skip-link, dialog") && !isInBox(each);
  const isShown = (each) => each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length && isDrawn(each);
  const name = (each) => `${each.tagName.toLowerCase()}.${each.className} "${each.textContent.trim().slice(0, 24)}"`;
  const isBeyond = (each) => [...each.getClientRects()].some((box) => box.left < -1 || box.right > width + 1);
  if (document.documentElement.scrollWidth > width) {
    const widest = [...document.querySelectorAll("body *")].filter((each) => isShown(each) && isBeyond(each));
    faults.push(`the page scrolls sideways: ${document.documentElement.scrollWidth} px, ${widest.slice(-3).map(name).join(", ")}`);
  }
  const selector = "main :is(a, button, input, select, textarea, summary), header :is(a, button)";
  const controls = [...document.querySelectorAll(selector)].filter(isShown);
  const findOverlap = (one, other) => [...one.getClientRects()].some((a) => [...other.getClientRects()].some((b) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3));
  controls.forEach((each, index) => {
    if (isBeyond(each)) faults.push(`beyond the edge: ${name(each)}`);
    for (const other of controls.slice(index + 1)) {
      if (!each.contains(other) && !other.contains(each) && findOverlap(each, other)) faults.push(`${name(each)} overlaps ${name(other)}`);
    }
  });
  for (const each of document.querySelectorAll("main *")) {
    if (!each.checkVisibility() || each.closest("svg, .hidden, dialog") || getComputedStyle(each).textOverflow !== "ellipsis") continue;
    if (each.scrollWidth <= each.clientWidth || !/W{30}|m{29}/.test(each.textContent)) continue;
    const whole = each.closest("[title], a[href], :has(> a[href])") || each.querySelector("[title], a[href]");
    if (!whole) faults.push(`cut without a title or a link to the whole: ${name(each)}`);
  }
  return [...new Set(faults)];
}
"""


@pytest.fixture(scope="module")
def long_names() -> Iterator[tuple[ThreadServer, dict[str, int]]]:
    with InProcessHeadgate(clock=SystemClock()).serve_in_thread() as served:
        yield served, served.do(furnish_with_long_names(served.headgate))


@pytest.fixture(scope="module")
def team() -> Iterator[ThreadServer]:
    with InProcessHeadgate(clock=SystemClock(), auth="team").serve_in_thread() as served:
        served.do(furnish_with_long_names(served.headgate))
        served.do(employ_with_long_names(served.headgate))
        yield served


def find_faults(page: Page, url: str, width: int) -> list[str]:
    page.set_viewport_size({"width": width, "height": 800})
    return [f"{url[url.index('/', 8) :][:60]} at {width} px: {fault}" for fault in page.evaluate(FIND_FAULTS)]


def test_long_names_break_no_page(long_names: tuple[ThreadServer, dict[str, int]], open_page: OpenPage) -> None:
    served, found = long_names
    page = open_page("about:blank", reduced_motion="reduce", expected=("404 (Not Found)",))
    faults = []

    for address in list_addresses(found):
        page.goto(served.url + address)
        for width in WIDTHS:
            faults += find_faults(page, served.url + address, width)

    assert not faults, "\n".join(faults)


def test_long_names_break_no_page_of_a_team(team: ThreadServer, open_page: OpenPage) -> None:
    page = open_page(f"{team.url}/ui/sign-in", reduced_motion="reduce")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{team.url}/")
    faults = []

    for address in TEAM_ADDRESSES:
        page.goto(team.url + address)
        for width in WIDTHS:
            faults += find_faults(page, team.url + address, width)

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rows_on_a_phone_are_low_and_lead_to_their_pages(
    long_names: tuple[ThreadServer, dict[str, int]], open_page: OpenPage, theme: str
) -> None:
    served, _ = long_names
    page = open_page(served.url, reduced_motion="reduce", viewport={"width": 360, "height": 740}, color_scheme=theme)
    expect(page.locator(".pipeline")).to_have_count(6)
    expect(page.locator(".pipeline [data-expectation]")).to_be_visible()
    expect(page.locator(".pipeline .status.is-paused")).to_be_visible()
    heights = page.locator(".pipeline").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
    assert max(heights) <= 96, heights
    targets = page.locator(".pipeline :is(a, button):not(.run-bars a):not(.name):not(.tag)").evaluate_all(
        "all => all.filter(each => each.checkVisibility()).map(each => [each.textContent, each.getBoundingClientRect().height])"
    )
    assert targets and all(height >= 24 for _, height in targets), targets
    expect_no_axe_issues(page)

    page.locator("#pipeline-1").click(position={"x": 200, "y": 88})
    expect(page.locator("h1")).to_have_text(LONG)

    page.goto(f"{served.url}/ui/runs")
    rows = page.locator("#runs tbody tr")
    heights = rows.evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
    assert max(heights) <= 96, heights
    expect_no_axe_issues(page)
    rows.first.click(position={"x": 20, "y": 60})
    expect(page.locator(".run-title")).to_be_visible()
