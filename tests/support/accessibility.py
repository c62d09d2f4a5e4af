"""Checks of pages with axe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page

THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")


_ALL_RULES: Final = {"resultTypes": ["violations"]}
_RULES_OF_COLOURS: Final = _ALL_RULES | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def expect_no_axe_issues(page: Page) -> None:
    """Fail if axe finds issues of the page as it is."""
    page.evaluate(AXE_SCRIPT)
    _run(page, _ALL_RULES)


def expect_no_axe_issues_in_both_themes(page: Page) -> None:
    """Fail if axe finds issues of the page in the light theme, or issues of colours in the dark one: themes differ in colours only."""
    light, dark = THEMES
    page.evaluate(AXE_SCRIPT)
    page.emulate_media(color_scheme=light)
    _run(page, _ALL_RULES)
    page.emulate_media(color_scheme=dark)
    _run(page, _RULES_OF_COLOURS)


def _run(page: Page, options: Mapping[str, Any]) -> None:
    results = AxeResults(page.evaluate("options => axe.run(options).then(({violations}) => ({violations}))", options))
    assert results.violations_count == 0, f"{page.url}\n{results.generate_report()}"


def expect_fits_phone_in_both_themes(page: Page) -> None:
    """Fail if the page scrolls sideways, or if axe finds issues in the light or the dark theme."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} scrolls sideways"
    expect_no_axe_issues_in_both_themes(page)
