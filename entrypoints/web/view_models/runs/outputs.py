"""What stages hand over, ready to show: a Markdown summary, links, images and values, as a stage's output declares them.

Of an output that is an object, `summary` is Markdown, `links` and `images` are lists of `{"title", "url"}` or objects of title to url; an
image may have `data` (base64) in place of `url`. All other keys are values.
"""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from markupsafe import Markup

from application.queries.views.runs import RunView, StageRunView
from entrypoints.web.ansi import show_control_characters
from entrypoints.web.markdown import markdown
from entrypoints.web.view_models.formatting import shorten_json

MOST = 50
LARGEST_IMAGE = 4 << 20
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_DECLARED = ("summary", "links", "images")


@dataclass(frozen=True, slots=True)
class OutputLink:
    """`href` is empty when the address is none that a page may lead to."""

    title: str
    href: str


@dataclass(frozen=True, slots=True)
class StageOutput:
    stage: str
    href: str
    summary: Markup | None
    links: Sequence[OutputLink]
    images: Sequence[OutputLink]
    values: Sequence[tuple[str, str]]
    more: int
    """Values that are not shown."""


def build_stage_outputs(run: RunView) -> list[StageOutput]:
    return [build_stage_output(run.id, stage) for stage in run.stages if stage.newest.output not in (None, {}, [], "")]


def build_stage_output(run_id: int, stage: StageRunView) -> StageOutput:
    given = stage.newest.output
    href = f"/ui/runs/{run_id}/stages/{quote(stage.name)}"
    if not isinstance(given, Mapping):
        return StageOutput(
            stage.name, href, None, (), (), [("output", show_control_characters(shorten_json(given, 400)))] if given is not None else [], 0
        )
    summary = given.get("summary")
    images = list(_images(given.get("images"), href))
    links = [OutputLink(title, _safe(url)) for title, url in _pairs(given.get("links"))]
    links += [OutputLink(title, url) for title, url, is_shown in images if not is_shown]
    rest = {key: value for key, value in given.items() if key not in _DECLARED or (key == "summary" and not isinstance(value, str))}
    return StageOutput(
        stage.name,
        href,
        markdown(summary) if isinstance(summary, str) else None,
        links,
        [OutputLink(title, url) for title, url, is_shown in images if is_shown],
        [
            (show_control_characters(str(key)[:100]), show_control_characters(shorten_json(value, 400)))
            for key, value in list(rest.items())[:MOST]
        ],
        max(0, len(rest) - MOST),
    )


def extract_image(output: Any, index: int) -> tuple[bytes, str] | None:
    """The bytes and the type of an image that an output has in it; None when it is none that a browser may be shown."""
    given = output.get("images") if isinstance(output, Mapping) else None
    if not isinstance(given, list) or not 0 <= index < min(len(given), MOST):
        return None
    found = given[index].get("data") if isinstance(given[index], Mapping) else None
    if not isinstance(found, str) or len(found) > LARGEST_IMAGE * 4 // 3 + 4:
        return None
    try:
        body = b64decode(found, validate=True)
    except (Error, ValueError):
        return None
    kind = next((kind for signature, kind in _SIGNATURES if body.startswith(signature)), None)
    if kind is None and body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        kind = "image/webp"
    return (body, kind) if kind else None


def _images(given: Any, href: str) -> Iterator[tuple[str, str, bool]]:
    """Title, address and whether the page may show it itself: its policy lets in what is served from here, and nothing else."""
    for index, (title, url) in enumerate(_pairs(given)):
        if url == "":
            yield title, f"{href}/images/{index}", extract_image({"images": given}, index) is not None
        else:
            safe = _safe(url)
            yield title, safe, safe.startswith("/")


def _pairs(given: Any) -> list[tuple[str, str]]:
    """(title, url); the url is empty for an image that is in the output itself."""
    if isinstance(given, Mapping):
        return [(show_control_characters(str(title)[:200]), str(url)) for title, url in list(given.items())[:MOST]]
    if not isinstance(given, list):
        return []
    items = [each if isinstance(each, Mapping) else {"url": str(each)} for each in given[:MOST]]
    return [
        (show_control_characters(str(each.get("title") or each.get("url") or "untitled")[:200]), str(each.get("url") or ""))
        for each in items
    ]


def _safe(url: str) -> str:
    """An address over http or https, or a path of this site; anything else is no address."""
    text = url.strip()
    if len(text) > 2_000 or any(ord(character) < 0x21 or character == "\\" for character in text):
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        return ""
    if parts.scheme in ("http", "https") and parts.netloc:
        return text
    return text if not parts.scheme and not parts.netloc and text.startswith("/") else ""


def format_output(output: Any) -> str:
    """All of an output, as it was given."""
    return show_control_characters(json.dumps(output, ensure_ascii=False, indent=2, default=str)[:200_000])
