"""The artifacts of a flow run: Markdown, tables, links to images, progress and values.

An artifact is an object with the keys `key`, `type`, `description` and `data`. Prefect's links are artifacts of type `markdown`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from entrypoints.web.ansi import show_control_characters
from entrypoints.web.markdown import render_markdown
from entrypoints.web.view_models.formatting import pluralize, shorten_json
from entrypoints.web.view_models.runs.safe_links import OutputLink, get_safe_url

MAX_ARTIFACTS = 30
MAX_MARKDOWN_LENGTH = 40_000
"""Characters of Markdown in all artifacts of a stage that are rendered."""
MAX_DESCRIPTION_LENGTH = 2_000
MAX_TITLE_LENGTH = 200
MAX_TEXT_LENGTH = 2_000
MAX_ROWS = 50
MAX_COLUMNS = 20
MAX_CELL_LENGTH = 200
TOO_LONG = "Too long for this page. The raw output has it."


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of an artifact. `columns` is empty if they have no names; `note` says what is left out."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact. One of `markdown`, `table`, `link` and `text` has its content; `length` is its approximate size on the page."""

    title: str
    description: Markup | None = None
    markdown: Markup | None = None
    table: Table | None = None
    link: OutputLink | None = None
    text: str = ""
    length: int = 0


def build_artifacts(artifacts: Sequence[Any]) -> list[Artifact]:
    """Return the artifacts in their order."""
    room = MAX_MARKDOWN_LENGTH
    items = []
    for artifact in artifacts:
        fields = artifact if isinstance(artifact, Mapping) else {"data": artifact}
        item = _build_artifact(fields, room)
        room -= len(item.markdown or "") + len(item.description or "")
        items.append(item)
    return items


def _build_artifact(fields: Mapping[str, Any], room: int) -> Artifact:
    kind, data, description = fields.get("type"), fields.get("data"), fields.get("description")
    title = show_control_characters(str(fields.get("key") or kind or "artifact")[:MAX_TITLE_LENGTH])
    words = render_markdown(description[:MAX_DESCRIPTION_LENGTH]) if isinstance(description, str) and description and room > 0 else None
    length = len(title) + len(words or "")
    if kind == "markdown" and isinstance(data, str):
        html = render_markdown(data) if room > 0 else None
        return Artifact(title, words, html, text="" if html else TOO_LONG, length=length + len(html or ""))
    if kind == "image" and isinstance(data, str):
        return Artifact(title, words, link=OutputLink(show_control_characters(data[:MAX_TITLE_LENGTH]), get_safe_url(data)), length=length)
    if kind == "progress" and isinstance(data, int | float) and not isinstance(data, bool):
        return Artifact(title, words, text=f"{data:g} %", length=length)
    if kind == "table" and (table := _build_table(data)) is not None:
        return Artifact(title, words, table=table, length=length + sum(len(cell) + 10 for row in table.rows for cell in row))
    text = show_control_characters(shorten_json(data, MAX_TEXT_LENGTH))
    return Artifact(title, words, text=text, length=length + len(text))


def _build_table(data: Any) -> Table | None:
    """Return a table of a list of objects, of a list of rows, or of an object of columns; None for anything else."""
    if isinstance(data, Mapping) and data and all(isinstance(column, list) for column in data.values()):
        columns = list(data)
        height = max(len(column) for column in data.values())
        rows = [[column[index] if index < len(column) else None for column in data.values()] for index in range(min(height, MAX_ROWS))]
        return _limit_table(columns, rows, height)
    if not isinstance(data, list) or not data:
        return None
    if all(isinstance(row, Mapping) for row in data):
        columns = list(dict.fromkeys(name for row in data[:MAX_ROWS] for name in row))
        return _limit_table(columns, [[row.get(name) for name in columns] for row in data[:MAX_ROWS]], len(data))
    if all(isinstance(row, list) for row in data):
        width = max(len(row) for row in data[:MAX_ROWS])
        return _limit_table([], [[*row, *[None] * (width - len(row))] for row in data[:MAX_ROWS]], len(data))
    return None


def _limit_table(columns: Sequence[object], rows: Sequence[Sequence[Any]], height: int) -> Table:
    width = max((len(row) for row in rows), default=len(columns))
    hidden = [pluralize(height - len(rows), "more row")] if height > len(rows) else []
    hidden += [pluralize(width - MAX_COLUMNS, "more column")] if width > MAX_COLUMNS else []
    return Table(
        [_format_cell(name) for name in columns[:MAX_COLUMNS]],
        [[_format_cell(value) for value in row[:MAX_COLUMNS]] for row in rows],
        " and ".join(hidden),
    )


def _format_cell(value: Any) -> str:
    return "" if value is None else show_control_characters(shorten_json(value, MAX_CELL_LENGTH))
