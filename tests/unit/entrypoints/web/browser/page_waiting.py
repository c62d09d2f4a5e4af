"""Waiting for a page after a key or a click."""

from collections.abc import Callable

from playwright.sync_api import Page, expect


def arrived(page: Page, selector: str, text: str) -> None:
    """Wait until the text is visible and the page's scripts have loaded. Before that, keyboard shortcuts do nothing."""
    expect(page.locator(selector)).to_contain_text(text)
    page.wait_for_load_state("load")


def until(page: Page, condition: Callable[[], bool], milliseconds: int = 15_000) -> None:
    """Wait until the condition holds. It polls from the test, because the page's policy forbids evaluated code."""
    for _ in range(milliseconds // 25):
        if condition():
            return
        page.wait_for_timeout(25)
    raise AssertionError("it did not come to be")
