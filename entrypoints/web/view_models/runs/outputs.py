"""The outputs of stages: a Markdown summary, links, images and values.

If an output is an object, `summary` is Markdown, and `links` and `images` are lists of `{"title", "url"}` or objects of title to URL. An
image may have `data` (base64) instead of `url`. All other keys are values. The output of a stage of kind `prefect` has such a result, and
artifacts.
"""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from application.queries.views.runs import RunView, StageRunView
from domain.pipelines.definition import StageKind
from entrypoints.web.ansi import show_control_characters
from entrypoints.web.markdown import render_markdown
from entrypoints.web.view_models.formatting import shorten_json
from entrypoints.web.view_models.runs.artifacts import MAX_ARTIFACTS, Artifact, build_artifacts
from entrypoints.web.view_models.runs.safe_links import OutputLink, get_safe_url

MAX_ITEMS = 50
MAX_TITLE_LENGTH = 200
MAX_KEY_LENGTH = 100
MAX_VALUE_LENGTH = 400
MAX_OUTPUT_LENGTH = 60_000
MAX_OUTPUTS_LENGTH = 60_000
"""Characters of all outputs on a run's page."""
MAX_IMAGE_BYTES = 4 << 20
_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_SPECIAL_KEYS = ("summary", "links", "images")


@dataclass(frozen=True, slots=True)
class StageOutput:
    """A stage's output. `hidden_values` is the number of values beyond MAX_ITEMS; `notes` say what the output lacks."""

    stage: str
    href: str
    summary: Markup | None
    links: Sequence[OutputLink]
    images: Sequence[OutputLink]
    values: Sequence[tuple[str, str]]
    hidden_values: int
    artifacts: Sequence[Artifact] = ()
    hidden_artifacts: int = 0
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class StageOutputs:
    """The outputs of stages on a run's page. `hidden` is the number of stages whose outputs do not fit."""

    shown: Sequence[StageOutput]
    hidden: int


def build_stage_outputs(run: RunView) -> StageOutputs:
    """Return the outputs of the first stages that have one, as many as fit on a page."""
    stages = [stage for stage in run.stages if stage.newest.output not in (None, {}, [], "")]
    shown: list[StageOutput] = []
    room = MAX_OUTPUTS_LENGTH
    for stage in stages:
        if room <= 0:
            break
        output = build_stage_output(run.id, stage)
        room -= _measure(output)
        shown.append(output)
    return StageOutputs(shown, len(stages) - len(shown))


def _measure(output: StageOutput) -> int:
    links = sum(len(each.title) + len(each.href) for each in (*output.links, *output.images))
    artifacts = sum(each.length for each in output.artifacts)
    return 200 + len(output.summary or "") + links + artifacts + sum(len(key) + len(value) for key, value in output.values)


def build_stage_output(run_id: int, stage: StageRunView) -> StageOutput:
    """Return a stage's output."""
    output = stage.newest.output
    href = f"/ui/runs/{run_id}/stages/{quote(stage.name)}"
    if stage.kind == StageKind.PREFECT and isinstance(output, Mapping) and "artifacts" in output:
        return _build_flow_run_output(stage.name, href, output)
    return _build_output(stage.name, href, output)


def _build_flow_run_output(name: str, href: str, output: Mapping[str, Any]) -> StageOutput:
    result, artifacts, left_out = output.get("result"), output.get("artifacts"), output.get("left_out")
    shown = _build_output(name, href, result if isinstance(result, Mapping) or result is None else {"result": result})
    items = artifacts if isinstance(artifacts, list) else []
    notes = [show_control_characters(str(note)[:MAX_VALUE_LENGTH]) for note in left_out[:MAX_ITEMS]] if isinstance(left_out, list) else []
    return replace(
        shown, artifacts=build_artifacts(items[:MAX_ARTIFACTS]), hidden_artifacts=max(0, len(items) - MAX_ARTIFACTS), notes=notes
    )


def _build_output(name: str, href: str, output: Any) -> StageOutput:
    if not isinstance(output, Mapping):
        values = [("output", show_control_characters(shorten_json(output, MAX_VALUE_LENGTH)))] if output is not None else []
        return StageOutput(name, href, None, (), (), values, 0)
    summary = output.get("summary")
    images = list(_read_images(output.get("images"), href))
    links = [OutputLink(title, get_safe_url(url)) for title, url in _read_links(output.get("links"))]
    links += [OutputLink(title, url) for title, url, is_shown in images if not is_shown]
    rest = {key: value for key, value in output.items() if key not in _SPECIAL_KEYS or (key == "summary" and not isinstance(value, str))}
    return StageOutput(
        name,
        href,
        render_markdown(summary) if isinstance(summary, str) else None,
        links,
        [OutputLink(title, url) for title, url, is_shown in images if is_shown],
        [_format_value(key, value) for key, value in list(rest.items())[:MAX_ITEMS]],
        max(0, len(rest) - MAX_ITEMS),
    )


def extract_image(output: Any, index: int) -> tuple[bytes, str] | None:
    """Return body and media type of an embedded image; None unless it is a PNG, JPEG, GIF or WebP of allowed size."""
    images = output.get("images") if isinstance(output, Mapping) else None
    if not isinstance(images, list) or not 0 <= index < min(len(images), MAX_ITEMS):
        return None
    data = images[index].get("data") if isinstance(images[index], Mapping) else None
    if not isinstance(data, str) or len(data) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        return None
    try:
        body = b64decode(data, validate=True)
    except (Error, ValueError):
        return None
    media_type = next((kind for signature, kind in _SIGNATURES if body.startswith(signature)), None)
    if media_type is None and body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        media_type = "image/webp"
    return (body, media_type) if media_type else None


def format_output(output: Any) -> str:
    """Return a whole output as indented JSON."""
    return show_control_characters(json.dumps(output, ensure_ascii=False, indent=2, default=str)[:MAX_OUTPUT_LENGTH])


def _format_value(key: object, value: Any) -> tuple[str, str]:
    return show_control_characters(str(key)[:MAX_KEY_LENGTH]), show_control_characters(shorten_json(value, MAX_VALUE_LENGTH))


def _read_images(images: Any, href: str) -> Iterator[tuple[str, str, bool]]:
    """Yield (title, URL, is_shown). The page shows only images from this server, as its Content-Security-Policy requires."""
    for index, (title, url) in enumerate(_read_links(images)):
        if url == "":
            yield title, f"{href}/images/{index}", extract_image({"images": images}, index) is not None
        else:
            safe_url = get_safe_url(url)
            yield title, safe_url, safe_url.startswith("/")


def _read_links(links: Any) -> list[tuple[str, str]]:
    """Return (title, URL) of links or images. The URL of an embedded image is empty."""
    if isinstance(links, Mapping):
        return [(show_control_characters(str(title)[:MAX_TITLE_LENGTH]), str(url)) for title, url in list(links.items())[:MAX_ITEMS]]
    if not isinstance(links, list):
        return []
    items = [each if isinstance(each, Mapping) else {"url": str(each)} for each in links[:MAX_ITEMS]]
    return [
        (show_control_characters(str(each.get("title") or each.get("url") or "untitled")[:MAX_TITLE_LENGTH]), str(each.get("url") or ""))
        for each in items
    ]
