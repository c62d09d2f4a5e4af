"""Use the pages of a complete Headgate in a real browser: trigger, watch, read a log, cancel."""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.support.running_headgate import Headgate, read_command_line
from tests.unit.entrypoints.web.browser.test_live_pages import LOST_CONNECTION
from tests.unit.entrypoints.web.conftest import browser_contexts, open_page

__all__ = ["browser_contexts", "open_page"]

OpenPage = Callable[..., Page]
TIMEOUT_MS = 30_000


def sh(name: str, script: str) -> dict[str, object]:
    return {"name": name, "kind": "command", "command": ["/bin/sh", "-c", script]}


def test_a_run_can_be_triggered_and_watched_without_a_reload(running_headgate: Headgate, open_page: OpenPage, tmp_path: Path) -> None:
    stages = [sh(stage, f"echo from the {stage}; until [ -e {tmp_path}/{stage} ]; do sleep 0.05; done") for stage in ("first", "second")]
    tmp_path.chmod(0o755)
    running_headgate.create("watched", stages)
    page = open_page(running_headgate.url)

    page.get_by_role("button", name="Trigger watched").click()
    expect(page.locator("h1")).to_contain_text("watched#1")
    page.evaluate("window.unreloaded = true")
    for stage in ("first", "second"):
        expect(page.locator(f'.stage-row[data-stage="{stage}"][data-state="running"]')).to_be_visible(timeout=TIMEOUT_MS)
        (tmp_path / stage).touch()
        expect(page.locator(f'.stage-row[data-stage="{stage}"][data-state="completed"]')).to_be_visible(timeout=TIMEOUT_MS)
    expect(page.locator('.run-title[data-state="completed"]')).to_be_visible(timeout=TIMEOUT_MS)

    expect(page.locator("#log")).to_contain_text("from the first")
    expect(page.locator("#log")).to_contain_text("from the second")
    assert page.evaluate("window.unreloaded") is True


def test_a_scheduled_pipeline_fires_on_open_pages_until_it_is_paused(running_headgate: Headgate, open_page: OpenPage) -> None:
    board = open_page(running_headgate.url)
    expect(board.locator("#live-state")).to_have_text("Live")
    raw = {"name": "often", "stages": [sh("tick", "echo $HEADGATE_SCHEDULED_FOR")], "schedules": [{"name": "main", "every": "5s"}]}
    running_headgate.http.post("/pipelines/", json=raw).raise_for_status()
    row = board.locator(".pipeline", has_text="often")

    expect(row.locator(".next time").first).to_have_text(re.compile("^(in|now)"))
    expect(row.locator(".state")).to_contain_text("#2", timeout=TIMEOUT_MS)
    page = open_page(f"{running_headgate.url}/ui/pipelines/often")
    page.get_by_role("link", name="Pause main").click()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.locator(".schedule")).to_contain_text("Its ticks are recorded as paused")
    expect(row.locator(".next")).to_contain_text("Paused")
    page.locator(".tick-strip a").first.click()
    expect(page.locator('.run-title[data-state="completed"]')).to_be_visible(timeout=TIMEOUT_MS)
    scheduled_for = page.locator(".facts time").first.get_attribute("datetime")
    assert scheduled_for is not None
    expect(page.locator("#log")).to_contain_text(scheduled_for[:19])
    page.keyboard.press("g")
    page.keyboard.press("c")

    expect(page.locator(".calendar tbody tr", has_text="often")).to_contain_text("completed")


def test_a_running_run_can_be_cancelled_on_its_page(running_headgate: Headgate, open_page: OpenPage) -> None:
    running_headgate.create("endless", [sh("sleep", "echo sleeping; sleep 600"), sh("never", "true")])
    run_id = running_headgate.trigger("endless")
    page = open_page(f"{running_headgate.url}/ui/runs/{run_id}/cancel")

    page.get_by_role("button", name="Cancel").click()

    expect(page.locator('.run-title[data-state="cancelled"]')).to_be_visible(timeout=TIMEOUT_MS)
    assert running_headgate.stages(run_id)["never"]["status"] == "cancelled"


def test_the_system_page_is_healthy_and_names_its_parts(running_headgate: Headgate) -> None:
    def well() -> bool:
        return "NOT OK" not in httpx.get(f"{running_headgate.url}/ui/system", headers={"Accept": "text/plain"}).text

    running_headgate.wait_until(well, 30)
    text = httpx.get(f"{running_headgate.url}/ui/system", headers={"Accept": "text/plain"}).text

    assert re.search(r"^PostgreSQL +\d+\.\d+$", text, re.MULTILINE)
    assert "GiB free" in text and re.search(r"1 worker with \d+ slots?, \d+ free", text)


def test_a_page_survives_a_killed_web_without_missing_or_repeating_events(running_headgate: Headgate, open_page: OpenPage) -> None:
    script = 'until [ -e "$HEADGATE_RUN_DIR/go" ]; do sleep 0.05; done; for n in 1 2 3; do echo "line $n"; done'
    running_headgate.create("outlived", [sh("held", script), {"name": "certify", "kind": "external"}])
    run_id = running_headgate.trigger("outlived")
    page = open_page(f"{running_headgate.url}/ui/runs/{run_id}", expected=LOST_CONNECTION)
    expect(page.locator('.stage-row[data-stage="held"][data-state="running"]')).to_be_visible(timeout=TIMEOUT_MS)
    page.evaluate("window.unreloaded = true")

    web = _web_of(running_headgate)
    assert web, "no web process was found"
    os.kill(web, signal.SIGKILL)
    (running_headgate.home / "runs" / str(run_id) / "files" / "go").touch()  # the stage ends while no web process runs
    running_headgate.wait_until(lambda: _web_of(running_headgate) not in (0, web) and bool(running_headgate.readiness()), 60)

    expect(page.locator('.stage-row[data-stage="held"][data-state="completed"]')).to_be_visible(timeout=TIMEOUT_MS)
    done = {"run_id": run_id, "stage_name": "certify", "status": "completed"}
    httpx.post(f"{running_headgate.url}/status-update/", json=done).raise_for_status()
    expect(page.locator('.run-title[data-state="completed"]')).to_be_visible(timeout=TIMEOUT_MS)
    for number in (1, 2, 3):
        expect(page.locator("#log").get_by_text(f"line {number}", exact=True)).to_have_count(1, timeout=TIMEOUT_MS)
    assert page.evaluate("window.unreloaded") is True


def _web_of(headgate: Headgate) -> int:
    """The pid of its web process; 0 while there is none."""
    for pid in headgate.processes():
        command = read_command_line(pid)
        if "headgate" in command and command[-1] == "web":
            return pid
    return 0
