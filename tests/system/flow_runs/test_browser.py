"""Use the pages of a stage that runs a Prefect deployment in a real browser, with a real Prefect server and its process worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from playwright.sync_api import Page, expect

from tests.system.flow_runs.lab import STEP_SECONDS, FlowRunLab
from tests.unit.entrypoints.web.conftest import browser_contexts, open_page

__all__ = ["browser_contexts", "open_page"]

OpenPage = Callable[..., Page]
STEP_MS: Final = STEP_SECONDS * 1_000


def test_a_flow_run_is_triggered_watched_and_cancelled(lab: FlowRunLab, open_page: OpenPage) -> None:
    lab.create("watched", "wait")
    page = open_page(f"{lab.stack.urls[0]}/ui/pipelines/watched/trigger", viewport={"width": 360, "height": 740})

    page.get_by_role("button", name="Trigger").click()
    expect(page.locator("h1")).to_contain_text("watched#1")
    page.evaluate("window.unreloaded = true")
    expect(page.locator(".status-text")).to_contain_text("train has been running", timeout=STEP_MS)
    expect(page.locator("#log-lines")).to_contain_text("begins to wait", timeout=STEP_MS)
    assert page.evaluate("window.unreloaded") is True
    run_id = lab.find_run("watched")
    flow_run_id = lab.wait_until_running(run_id)

    page.get_by_role("link", name="Cancel run").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Cancel the run").click()
    expect(page.locator('.run-title[data-state="cancelled"]')).to_be_visible(timeout=STEP_MS)
    lab.wait_for_state(flow_run_id, "CANCELLED")
    lab.wait_until_process_ended(flow_run_id)
