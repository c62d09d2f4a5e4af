"""Runs that other machines start, in a real browser."""

import time
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, expect

from tests.support.accessibility import expect_no_axe_issues
from tests.support.servers import ThreadServer

OpenPage = Callable[..., Page]
PHONE = {"width": 360, "height": 740}
SENTENCE = "expected every 5 seconds"


def wait_until_overdue(served: ThreadServer, name: str) -> None:
    """Wait for the first tick that no run meets."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        (expectation,) = httpx.get(f"{served.url}/pipelines/{name}/expectations").json()
        if expectation["state"] == "overdue":
            return
        time.sleep(0.2)
    raise AssertionError("no run is overdue")


def test_an_overdue_run_is_read_on_a_phone(served: ThreadServer, open_page: OpenPage) -> None:
    raw = {"name": "beacon", "stages": [{"name": "ping", "kind": "external"}], "expect": [{"every": 5, "grace": 0}]}
    served.do(served.headgate.application.create_pipeline()(raw))
    wait_until_overdue(served, "beacon")

    page = open_page(f"{served.url}/", viewport=PHONE)
    row = page.locator(".pipeline", has_text="beacon")
    expect(row.locator("[data-expectation]")).to_contain_text(SENTENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    page.goto(f"{served.url}/ui/pipelines/beacon")
    expect(page.locator("[data-expectation]")).to_contain_text(SENTENCE)
    page.get_by_text("Show the last ticks as a table").click()
    expect(page.locator("[data-key^=ticks-] tbody")).to_contain_text("Missed")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect_no_axe_issues(page)
