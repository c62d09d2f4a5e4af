"""Takes the README's picture of a run from the running thing: `python -m docs.screens.take` in the project's root."""

from __future__ import annotations

import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench._stack import running_stack, until

CHROMIUM = "/usr/bin/chromium"
PICTURE = Path(__file__).with_name("run.png")


def main() -> None:
    with running_stack() as stack, sync_playwright() as playwright:
        stack.until_a_worker_is_there()
        run_id = stack.http.post("/trigger/flights").raise_for_status().json()["run_id"]
        until(lambda: stack.http.get(f"/runs/{run_id}").json()["finished_at"] is not None, 120, "the end of the run")
        until(lambda: stack.http.get(f"/runs/{run_id}").json()["prefect_flow_run_ids"], 120, "its record in Prefect")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1, color_scheme="light")
        page.goto(f"{stack.url}/ui/runs/{run_id}", wait_until="load")
        page.get_by_text("completed", exact=False).first.wait_for()
        time.sleep(1.0)  # fonts and the log pane settle; a picture has nothing to wait for
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main()
