"""Fixtures for pages: a browser, a Headgate without data, and one with example runs."""

import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from adapters.system.clock import SystemClock
from tests.support.browser_contexts import BrowserContexts
from tests.support.example_board import furnish, revise
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import ThreadServer

BROWSERS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
"""Debian's packages of Chromium. The first is the same engine without windows and takes a third less processor time."""
DISABLED_FEATURES = (
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    "SpareRendererForSitePerProcess",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
)
"""Those that Playwright disables, since a second list replaces the first, and the last three: Chromium would load two pages of its own
into each new context, and start a process in advance for each site. That takes four times the processor time of the context."""
FLAGS = (
    f"--disable-features={','.join(DISABLED_FEATURES)}",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--renderer-process-limit=1",
    "--js-flags=--single-threaded --no-opt",
)
"""The last two save a fifth of the processor time: the pages of a context share a process, and V8 has one thread and does not optimise."""
SLOWER = float(os.environ.get("HEADGATE_SLOW_BROWSER", "1"))
"""Slows pages down by this factor, to find tests that depend on fast pages."""
PATIENCE = 15_000
"""Milliseconds to wait for an expectation on a busy machine."""
REPLACED = ("htmx:afterRequest", "htmx:sendAbort")
"""The messages of htmx on the console if a later request of an element replaces one. A request that fails has another message too."""
expect.set_options(timeout=PATIENCE)


def find_browser() -> str | None:
    """Return the path of the browser."""
    return next((path for path in BROWSERS if Path(path).exists()), None)


@pytest.fixture(scope="module")
def browser_contexts() -> Iterator[BrowserContexts]:
    with a_browser() as browser:
        yield BrowserContexts(browser)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Open Debian's Chromium with a new profile. Without Chromium the tests are skipped, unless HEADGATE_CI=1 forbids it.

    While it is open its driver's event loop runs in this thread, so that no `async` test can run.
    """
    path = find_browser()
    if path is None:
        reason = f"there is no browser at {' or '.join(BROWSERS)}"
        pytest.fail(reason) if os.environ.get("HEADGATE_CI") == "1" else pytest.skip(reason)
    with tempfile.TemporaryDirectory(prefix="headgate-browser-") as home, sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS), env={**os.environ, "HOME": home})
        yield launched
        launched.close()


@pytest.fixture
def open_page(browser_contexts: BrowserContexts) -> Iterator[Callable[..., Page]]:
    """Open pages, each in its own context and without animations. Fail if the console has an error afterwards.

    With `is_paused` the page's clock stands still once it is loaded, and continues by `page.clock.run_for`.
    """
    console_errors: list[str] = []

    def open_it(url: str, *, expected: tuple[str, ...] = (), is_paused: bool = False, **options: Any) -> Page:
        options = {"reduced_motion": "reduce"} | options
        context = loan.open_new_context(**options) if is_paused else loan.open_context(**options)
        page = context.new_page()
        if is_paused:
            page.clock.install(time=0)
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: console_errors.extend(_get_unexpected(message, expected)))
        page.on("pageerror", lambda error: console_errors.append(str(error)))
        if SLOWER > 1:
            context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(url)
        if is_paused:
            page.clock.pause_at(3_600)
        return page

    with browser_contexts.lend() as loan:
        yield open_it
    assert not console_errors


def _get_unexpected(message: ConsoleMessage, expected: tuple[str, ...]) -> list[str]:
    """Return the message if it is an error that the test does not expect. A request that a later one replaces is no error."""
    return [] if any(part in message.text for part in (*expected, *REPLACED)) else [f"{message.type}: {message.text}"]


@pytest.fixture
def served() -> Iterator[ThreadServer]:
    """A Headgate without data on a port."""
    with InProcessHeadgate(clock=SystemClock()).serve_in_thread() as served:
        yield served


@pytest.fixture(scope="module")
def exhibition() -> Iterator[tuple[ThreadServer, dict[str, int]]]:
    """A Headgate with example runs on a port, for read-only tests, and the ids of its notable runs."""
    with InProcessHeadgate(clock=SystemClock()).serve_in_thread() as served:
        found = served.do(furnish(served.headgate))
        served.do(revise(served.headgate))
        yield served, found


@pytest.fixture
async def headgate() -> AsyncIterator[InProcessHeadgate]:
    headgate = InProcessHeadgate(clock=SystemClock())
    async with headgate.page_client:
        yield headgate
