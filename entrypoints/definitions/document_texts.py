"""Split a text into the texts of its definitions."""

from dataclasses import dataclass

import yaml

from entrypoints.definitions.yaml_reader import InvalidDefinitionText, list_document_lines, parse_definition
from entrypoints.text_decoding import remove_byte_order_mark


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of one definition. `lines_before` is the number of lines of the whole text before it."""

    text: str
    lines_before: int = 0


def split_documents(text: str, definitions: list[dict[str, object]]) -> list[DocumentText | None]:
    """Return the text of each definition that the text consists of, comments included.

    None for one that cannot be read alone, such as one that begins with directives. A single definition is returned as it is written.
    """
    text = remove_byte_order_mark(text)
    if len(definitions) < 2:
        return [DocumentText(text) for _ in definitions]
    try:
        starts = list_document_lines(text)
    except yaml.YAMLError:
        starts = []
    if len(starts) != len(definitions):
        return [None] * len(definitions)
    lines = text.splitlines(keepends=True)
    ends = [*starts[1:], len(lines)]
    parts = [_take(lines, 0 if index == 0 else start, end) for index, (start, end) in enumerate(zip(starts, ends, strict=True))]
    return [part if _is_definition(part.text, definition) else None for part, definition in zip(parts, definitions, strict=True)]


def _take(lines: list[str], start: int, end: int) -> DocumentText:
    """Return the lines from `start` to before `end`, without the mark of a document on a line of its own."""
    first = start + 1 if lines[start].strip() == "---" else start
    return DocumentText("".join(lines[first:end]), first)


def _is_definition(text: str, definition: dict[str, object]) -> bool:
    try:
        return parse_definition(text) == definition
    except InvalidDefinitionText:
        return False
