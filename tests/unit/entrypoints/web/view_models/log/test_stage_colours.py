"""The colours of stages in the log are readable in both themes and none is the colour of a status."""

import re

import pytest

from entrypoints.web.view_models.log.attempts import COLOURS
from tests.support.paths import ROOT

CSS = ROOT / "entrypoints/web/static"
TOKENS = dict(re.findall(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}, #[0-9a-f]{6})\)", (CSS / "headgate.css").read_text()))
STATUSES = ("pending", "queued", "running", "waiting", "completed", "failed", "cancelled", "skipped", "lost")
MIN_CONTRAST = 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("background", ["bg", "sunken", "hover", "accent-tint"])
def test_each_colour_has_the_contrast_of_text(background: str, theme: int) -> None:
    found = {number: get_contrast(get_colour(f"stage-{number}", theme), get_colour(background, theme)) for number in range(COLOURS)}

    assert {number: contrast for number, contrast in found.items() if contrast < MIN_CONTRAST} == {}


def test_no_colour_is_that_of_a_status() -> None:
    of_statuses = {colour for status in STATUSES for name in (status, f"{status}-fill") for colour in TOKENS[name].split(", ")}

    assert of_statuses.isdisjoint(colour for number in range(COLOURS) for colour in TOKENS[f"stage-{number}"].split(", "))


def test_the_style_sheet_has_as_many_colours_as_the_labels() -> None:
    classes = re.findall(r"\.stage-(\d) \{ color: var\(--stage-\1\); \}", (CSS / "log.css").read_text())

    assert classes == [str(number) for number in range(COLOURS)]


def get_colour(token: str, theme: int) -> str:
    return TOKENS[token].split(", ")[theme]


def get_contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    lighter, darker = sorted((get_luminance(one), get_luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def get_luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
