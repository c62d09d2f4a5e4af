"""Checks of pages with axe."""

from __future__ import annotations

from typing import Final, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


def expect_no_axe_issues(page: Page) -> None:
    """Fail if axe finds issues of the page as it is."""
    results = Axe().run(page)
    assert results.violations_count == 0, f"{page.url}\n{results.generate_report()}"


def expect_no_axe_issues_in_both_themes(page: Page) -> None:
    """Fail if axe finds issues of the page in the light or the dark theme."""
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        expect_no_axe_issues(page)
