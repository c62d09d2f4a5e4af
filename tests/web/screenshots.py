"""`make screenshots`: every page of a furnished Headgate as pictures in docs/screens: light, dark, and a phone's."""

import os
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from application.ports.vitals import VitalSigns
from tests.web.conftest import CHROMIUM, FLAGS
from tests.web.exhibits import furnish, revise
from tests.web.gallery import Gallery, Served

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screens"
LARGEST = 150_000
IS_LIVE = "!document.querySelector('[sse-connect]') || document.getElementById('live-state').textContent === 'Live'"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 360, "height": 780}
TALLEST = 1_500
COLOURS = 256
LOOKS = {
    "light": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
}


def pages(found: dict[str, int]) -> dict[str, str]:
    """Address by the picture's name."""
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
        "waiting": f"/ui/waiting?run={asked}&stage=publish",
        "system": "/ui/system",
        "tokens": "/ui/tokens?pipeline=backup",
        "audit": "/ui/audit",
        "new": "/ui/new",
        "error": "/ui/runs/0",
    }


def take(browser: Browser, served: Served, found: dict[str, int], folder: Path) -> list[Path]:
    """The pictures that were written."""
    written = []
    for look, options in LOOKS.items():
        served.do(served.gallery.worker())
        context = browser.new_context(reduced_motion="reduce", timezone_id="Europe/Berlin", **options)  # type: ignore[arg-type]
        page = context.new_page()
        for name, address in pages(found).items():
            page.goto(served.url + address)
            page.wait_for_function(IS_LIVE)
            path = folder / f"{name}-{look}.png"
            height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
            clip = {"x": 0, "y": 0, "width": options["viewport"]["width"], "height": height}  # type: ignore[index]
            path.write_bytes(packed(page.screenshot(full_page=True, clip=clip)))  # type: ignore[arg-type]
            written.append(path)
        context.close()
    return written


def packed(picture: bytes) -> bytes:
    """The same with as many colours as a page needs, which is a third of the bytes."""
    out = BytesIO()
    with Image.open(BytesIO(picture)) as image:
        image.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with Gallery().serve() as served, tempfile.TemporaryDirectory(prefix="headgate-browser-") as home, sync_playwright() as playwright:
        found = served.do(furnish(served.gallery))
        served.do(revise(served.gallery))
        served.gallery.fakes.vitals.signs = VitalSigns(0, 0.0, 2, 0, (), "17.6")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS), env={**os.environ, "HOME": home})
        written = take(browser, served, found, folder)
        browser.close()
    heavy = [f"{path.name}: {path.stat().st_size:,} bytes" for path in written if path.stat().st_size >= LARGEST]
    print(f"{len(written)} pictures in {folder}")
    if heavy:
        sys.exit(f"over {LARGEST:,} bytes: {', '.join(heavy)}")


if __name__ == "__main__":
    main()
