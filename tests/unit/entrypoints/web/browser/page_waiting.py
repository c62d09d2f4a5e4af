"""After a key or a click has led to another page, or has set one to work."""

from collections.abc import Callable

from playwright.sync_api import Page, expect


def arrived(page: Page, selector: str, text: str) -> None:
    """What is looked for is there, and so are the page's scripts: a heading is seen before they have run, and a key then goes nowhere."""
    expect(page.locator(selector)).to_contain_text(text)
    page.wait_for_load_state("load")


def until(page: Page, condition: Callable[[], bool], milliseconds: int = 15_000) -> None:
    """The condition comes to hold; the page's own policy lets no test's code wait inside of it."""
    for _ in range(milliseconds // 25):
        if condition():
            return
        page.wait_for_timeout(25)
    raise AssertionError("it did not come to be")
