"""After a key or a click has led to another page."""

from playwright.sync_api import Page, expect


def arrived(page: Page, selector: str, text: str) -> None:
    """What is looked for is there, and so are the page's scripts: a heading is seen before they have run, and a key then goes nowhere."""
    expect(page.locator(selector)).to_contain_text(text)
    page.wait_for_load_state("load")
