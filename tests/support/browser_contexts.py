"""Contexts of a browser that tests use one after the other: opening the first page of a new one takes a second of processor time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Error

_BLANK: Final = "about:blank"


class BrowserContexts:
    """Lend contexts, each to one test at a time, and empty them in between: no cookie, storage or page of a test reaches another."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[str, list[BrowserContext]] = {}

    @contextmanager
    def lend(self) -> Iterator[Loan]:
        """Yield what a test opens its contexts with. They are free again afterwards."""
        loan = Loan(self._browser, self._free)
        yield loan
        loan.end()


class Loan:
    """The contexts of one test."""

    def __init__(self, browser: Browser, free: dict[str, list[BrowserContext]]) -> None:
        self._browser = browser
        self._free = free
        self._used: list[tuple[str, BrowserContext]] = []
        self._new: list[BrowserContext] = []

    def open_new_context(self, **options: Any) -> BrowserContext:
        """Return a context that no other test gets: one whose clock is replaced, which cannot be undone."""
        self._new.append(context := self._browser.new_context(**options))
        return context

    def open_context(self, **options: Any) -> BrowserContext:
        """Return a context with these options, without cookies, storage or pages that another page can see."""
        key = repr(sorted(options.items()))
        free = self._free.setdefault(key, [])
        context = free.pop() if free else self._browser.new_context(**options)
        self._used.append((key, context))
        return context

    def end(self) -> None:
        for context in self._new:
            context.close()
        for key, context in self._used:
            if _empty(context):
                self._free[key].append(context)
            else:
                context.close()


def _get_origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _empty(context: BrowserContext) -> bool:
    """Remove what pages have left in the context. Return False if that failed.

    The first page stays, blank, and no test gets it again: the process of a site ends with its last page.
    """
    try:
        origins = {_get_origin(page.url) for page in context.pages if page.url != _BLANK}
        first, *others = context.pages
        if first.url != _BLANK:
            first.goto(_BLANK)
        for page in others:
            page.close()
        session = context.new_cdp_session(first)
        for origin in origins:
            session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        session.detach()
        context.clear_cookies()
    except Error:
        return False
    return True
