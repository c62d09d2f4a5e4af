"""Edit the text of a definition in place. What a person wrote stays as it is: comments, quotes, order and blank lines."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import yaml

from domain.pipelines.shell_syntax import join_for_shell
from entrypoints.definitions.document_nodes import find_node, get_entry
from entrypoints.definitions.node_positions import end_line, find_content_end, find_line_end, find_line_start, is_flow, replace_node
from entrypoints.definitions.stage_insertion import insert_stage
from entrypoints.definitions.yaml_format import format_entry, format_json
from entrypoints.definitions.yaml_reader import InvalidDefinitionText, compose_document, parse_definition, parse_definition_if_any


class UneditableText(Exception):
    """A text in which no place for the change was found. A person has to write it."""


def append_stage(text: str, stage: Mapping[str, Any]) -> str:
    """Return the text with one more stage at the end of `stages`. Raises InvalidDefinitionText, and UneditableText."""
    before = read_text(text)
    stages = before.get("stages") or []
    if not isinstance(stages, list):
        raise UneditableText("The key stages must be a list.")
    return _check(insert_stage(text, compose_document(text), stage), {**before, "stages": [*stages, dict(stage)]})


def set_text(text: str, key: str, value: str) -> str:
    """Return the text with a key of the pipeline, such as its name, set to a line of text. Raises as `append_stage` does."""
    before = read_text(text)
    root = compose_document(text)
    if not isinstance(root, yaml.MappingNode):
        after = f"{end_line(text)}{format_entry(key, value)}\n"
    elif (entry := get_entry(root, key)) is not None:
        after = replace_node(text, entry[1], format_json(value) if is_flow(root) else _format_line(value))
    elif is_flow(root):
        start = root.start_mark.index + 1
        after = f"{text[:start]}{format_json(key)}: {format_json(value)}{', ' if root.value else ''}{text[start:]}"
    else:
        start = _find_place(text, root, key)
        after = f"{end_line(text[:start])}{format_entry(key, value)}\n{text[start:]}"
    return _check(after, {**before, key: value})


def use_shell(text: str, index: int) -> str:
    """Return the text with `shell: true` in a stage, and its command as a line of shell text. Raises as `append_stage` does."""
    before = deepcopy(read_text(text))
    root = compose_document(text)
    stages = before.get("stages")
    stage = stages[index] if isinstance(stages, list) and index < len(stages) else None
    if root is None or not isinstance(stage, dict) or not isinstance(stage.get("command"), str | list):
        raise UneditableText("The stage has no command.")
    command = stage["command"] if isinstance(stage["command"], str) else join_for_shell([str(word) for word in stage["command"]])
    stage |= {"command": command, "shell": True}
    return _check(_set_command(text, find_node(root, f"stages[{index}]")[0], command), before)


def read_text(text: str) -> dict[str, Any]:
    """Return what a text means; nothing for a blank one. Raises InvalidDefinitionText."""
    return parse_definition_if_any(text) or {}


def _check(text: str, expected: Mapping[str, Any]) -> str:
    """Return the text if it means what is expected."""
    try:
        is_expected = parse_definition(text) == expected
    except InvalidDefinitionText as error:
        raise UneditableText("The text has a layout that the form cannot change.") from error
    if not is_expected:
        raise UneditableText("The text has a layout that the form cannot change.")
    return text


def _set_command(text: str, stage: yaml.Node, command: str) -> str:
    entry, shell = get_entry(stage, "command"), get_entry(stage, "shell")
    if entry is None or "#" in text[entry[0].end_mark.index : entry[1].start_mark.index]:
        raise UneditableText("The command has a layout that the form cannot change.")
    key, value = entry
    end = find_content_end(text, value)
    edits = []
    if not isinstance(value, yaml.ScalarNode):
        edits.append((key.end_mark.index, end, f": {format_json(command) if is_flow(stage) else _format_line(command)}"))
    if shell is not None:
        edits.append((shell[1].start_mark.index, find_content_end(text, shell[1]), "true"))
    elif is_flow(stage):
        edits.append((end, end, ', "shell": true' if text[key.start_mark.index] == '"' else ", shell: true"))
    else:
        place = find_line_end(text, end)
        edits.append((place, place, f"\n{' ' * key.start_mark.column}shell: true"))
    for start, stop, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[stop:]
    return text


def _format_line(value: str) -> str:
    """Return a text as YAML on one line."""
    return format_json(value) if "\n" in value else format_entry("_", value)[2:].strip()


def _find_place(text: str, root: yaml.MappingNode, key: str) -> int:
    """Return the position of the line for a new key: a description is below the name, all others are above everything."""
    name = get_entry(root, "name") if key != "name" else None
    if name is None:
        return find_line_start(text, root.start_mark.index)
    return min(len(text), find_line_end(text, find_content_end(text, name[1])) + 1)
