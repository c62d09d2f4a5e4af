"""`make screenshots`: take pictures of every page with example data into docs/screens: light, dark, and on a phone."""

import os
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from adapters.system.clock import SystemClock
from application.ports.queries.health_metrics import HealthMetrics
from tests.support.example_board import PASSWORD, employ, furnish, revise
from tests.support.in_process import InProcessHeadgate
from tests.support.servers import ThreadServer
from tests.unit.entrypoints.web.conftest import FLAGS, find_browser

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screens"
LARGEST = 150_000
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 780}
TALLEST = 1_500
COLOURS = 256
LOOKS = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
}


def get_paths(found: dict[str, int]) -> dict[str, str]:
    """Return the path of each page by the name of its picture."""
    failed, running, asked = found["nightly-warehouse"], found["flights"], found["model-retrain"]
    return {
        "board": "/",
        "pipeline": "/ui/pipelines/nightly-warehouse",
        "revision": "/ui/pipelines/nightly-warehouse/revisions/2",
        "edit": "/ui/pipelines/nightly-warehouse/edit",
        "trigger": "/ui/pipelines/flights/trigger",
        "run-failed": f"/ui/runs/{failed}",
        "run-running": f"/ui/runs/{running}",
        "run-graph": f"/ui/runs/{failed}?view=graph",
        "runs": "/ui/runs",
        "schedule": "/ui/schedule",
        "schedules": "/ui/pipelines/exports",
        "waiting": f"/ui/waiting?run={asked}&stage=publish",
        "incidents": "/ui/incidents?state=all",
        "incident": "/ui/incidents/1",
        "channels": "/ui/channels",
        "new-channel": "/ui/new-channel?kind=email",
        "silences": "/ui/silences",
        "alert-rules": "/ui/alert-rules",
        "system": "/ui/system",
        "new": "/ui/new",
        "error": "/ui/runs/0",
    }


TEAM_PAGES = {"account": "/ui/account", "accounts": "/ui/accounts", "tokens": "/ui/tokens?pipeline=backup", "audit": "/ui/audit"}
"""Pages that need sign-in."""


def take(browser: Browser, served: ThreadServer, found: dict[str, int], folder: Path) -> list[Path]:
    """Take pictures of all pages. Return their files."""
    written = []
    for look in LOOKS:
        page = open_page(browser, look)
        for name, address in get_paths(found).items():
            written.append(take_picture(page, served, address, folder / f"{name}-{look}.png"))
        page.context.close()
    return written


def take_team(browser: Browser, served: ThreadServer, folder: Path) -> list[Path]:
    """Take pictures of the sign-in page and of the pages about accounts. Return their files."""
    written = []
    for look in LOOKS:
        page = open_page(browser, look)
        written.append(take_picture(page, served, "/ui/sign-in", folder / f"sign-in-{look}.png"))
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(served.url + "/")
        for name, address in TEAM_PAGES.items():
            written.append(take_picture(page, served, address, folder / f"{name}-{look}.png"))
        page.context.close()
    return written


def open_page(browser: Browser, look: str) -> Page:
    return browser.new_context(reduced_motion="reduce", timezone_id="Europe/Berlin", **LOOKS[look]).new_page()  # type: ignore[arg-type]


def take_picture(page: Page, served: ThreadServer, address: str, path: Path) -> Path:
    """Take a picture of one page. Exit if the server fails to render it."""
    served.do(served.headgate.stories.add_worker())
    answer = page.goto(served.url + address)
    if answer is None or answer.status >= 500:
        sys.exit(f"{address} has no page: the server answered with an error")
    if page.locator("[sse-connect]").count():
        expect(page.locator("#live-state")).to_have_text("Live")
    height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
    clip = {"x": 0, "y": 0, "width": page.evaluate("innerWidth"), "height": height}
    path.write_bytes(compress(page.screenshot(full_page=True, clip=clip)))  # type: ignore[arg-type]
    return path


def compress(picture: bytes) -> bytes:
    """Return the picture with at most COLOURS colours, which is a third of the bytes."""
    out = BytesIO()
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with (
        InProcessHeadgate(clock=SystemClock()).serve_in_thread() as served,
        tempfile.TemporaryDirectory(prefix="headgate-browser-") as home,
        sync_playwright() as playwright,
    ):
        found = served.do(furnish(served.headgate))
        served.do(revise(served.headgate))
        served.headgate.fakes.health_metrics.signs = HealthMetrics(0, 0.0, 2, 0, (), "17.6")
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS), env={**os.environ, "HOME": home})
        written = take(browser, served, found, folder)
        with InProcessHeadgate(clock=SystemClock(), auth="team").serve_in_thread() as team:
            team.do(furnish(team.headgate))
            team.do(employ(team.headgate))
            written += take_team(browser, team, folder)
        browser.close()
    heavy = [f"{path.name}: {path.stat().st_size:,} bytes" for path in written if path.stat().st_size >= LARGEST]
    print(f"{len(written)} pictures in {folder}")
    if heavy:
        sys.exit(f"over {LARGEST:,} bytes: {', '.join(heavy)}")


if __name__ == "__main__":
    main()
