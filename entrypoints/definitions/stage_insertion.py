"""Insert a stage into the text of a definition, in the style of the text."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from entrypoints.definitions.document_nodes import get_entry
from entrypoints.definitions.node_positions import (
    end_line,
    find_content_end,
    find_end_with_comments,
    find_line_end,
    find_line_start,
    is_flow,
)
from entrypoints.definitions.yaml_format import format_item, format_json

INDENT: Final = 2
"""Spaces before the stages of a text that has none yet."""


def insert_stage(text: str, root: yaml.Node | None, stage: Mapping[str, Any]) -> str:
    """Return the text with a stage after the last one. `root` is its node, None if the text is blank."""
    if not isinstance(root, yaml.MappingNode):
        return f"{end_line(text)}stages:\n{format_item(stage, INDENT)}"
    entry = get_entry(root, "stages")
    if entry is None:
        return _add_stages(text, root, stage)
    key, value = entry
    if isinstance(value, yaml.SequenceNode) and value.value:
        return _append_to_flow(text, value, stage) if is_flow(value) else _append_to_block(text, value, stage)
    return _replace_empty(text, root, key, value, stage)


def _add_stages(text: str, root: yaml.MappingNode, stage: Mapping[str, Any]) -> str:
    if not is_flow(root):
        return f"{end_line(text)}stages:\n{format_item(stage, INDENT)}"
    end = find_content_end(text, root.value[-1][1]) if root.value else root.start_mark.index + 1
    return f'{text[:end]}{", " if root.value else ""}"stages": [{format_json(stage)}]{text[end:]}'


def _replace_empty(text: str, root: yaml.Node, key: yaml.Node, value: yaml.Node, stage: Mapping[str, Any]) -> str:
    """Replace an empty list, or null, by one stage. A comment behind it stays on the line of the key."""
    end = find_content_end(text, value)
    if is_flow(root):
        return f"{text[: value.start_mark.index]}[{format_json(stage)}]{text[end:]}"
    line_end = find_line_end(text, max(end, key.end_mark.index))
    comment = text[max(end, key.end_mark.index) : line_end].strip(" :\r")
    return f"{text[: key.end_mark.index]}:{f'  {comment}' if comment else ''}\n{format_item(stage, INDENT)}{text[line_end + 1 :]}"


def _append_to_flow(text: str, stages: yaml.SequenceNode, stage: Mapping[str, Any]) -> str:
    """Insert an object after the last one: on a line of its own if that one has its own line."""
    last = stages.value[-1]
    line_start = find_line_start(text, last.start_mark.index)
    indent = text[line_start : last.start_mark.index]
    separator = f",\n{indent}" if not indent.strip() and stages.start_mark.index < line_start else ", "
    end = last.end_mark.index
    return f"{text[:end]}{separator}{format_json(stage)}{text[end:]}"


def _append_to_block(text: str, stages: yaml.SequenceNode, stage: Mapping[str, Any]) -> str:
    """Insert a stage below the last one and the comments that belong to it."""
    last = stages.value[-1]
    dash = text.rfind("-", 0, last.start_mark.index)
    indent = dash - find_line_start(text, dash)
    end = find_end_with_comments(text, find_content_end(text, last), indent)
    return f"{text[:end]}\n{format_item(stage, indent)}{text[end + 1 :]}"
