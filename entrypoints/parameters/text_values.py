"""Read text as a parameter's value, and write values as text. The form fields of pages and the options of the terminal share this.

Text that cannot be a value of the schema's types stays text, so that the check of the schema refuses it in the same words everywhere.
"""

import json
import re
from typing import Any

from entrypoints.json_text import InvalidJson, parse_json
from entrypoints.parameters.field_schema import FieldSchema
from entrypoints.text_decoding import remove_byte_order_mark

_NUMBER = re.compile(r"\s*([+-]?)0*(\d*)(\.\d+)?([eE][+-]?\d+)?\s*", re.ASCII)
_CONSTANTS = frozenset({"NaN", "Infinity", "-Infinity"})
_NOT_JSON = object()
_TYPES: dict[type, frozenset[str]] = {
    type(None): frozenset({"null"}),
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"integer", "number"}),
    str: frozenset({"string"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
}


class InvalidText(Exception):
    """A text that stands for no value. The message is a predicate, such as "must be valid JSON: line 1, column 3"."""


def parse_text(text: str, schema: FieldSchema) -> Any:
    """Return the value that the text stands for. Raise InvalidText for lists and objects that are not JSON.

    A text field takes the text as it is. A field of text and other types takes JSON of the other types, and the rest as text: in double
    quotes, `"null"` and `"5"` are text. Lists of single values take JSON or a value on each line, maps JSON or name=value on each line.
    """
    if schema.choices is not None:
        return _parse_choice(text, schema)
    if schema.types == {"string"}:
        return text
    if schema.items is not None or schema.map_values is not None:
        return _parse_lines(text, schema)
    if "string" in schema.types or not schema.types:
        return _parse_mixed(text, schema)
    value = _parse_json(_normalize_number(text) if schema.types & {"integer", "number"} else text)
    if value is not _NOT_JSON:
        return value
    if schema.types & {"array", "object"}:
        raise InvalidText(_describe_invalid_json(text))
    return text


def format_text(value: Any, schema: FieldSchema) -> str:
    """Return the text that `parse_text` reads as this value: the plainest one."""
    plain = _format_plain(value, schema)
    if plain is not None and schema.choices is None and _is_read_as(plain, value, schema):
        return plain
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, list | dict) and value else None)


def is_same_json(one: Any, other: Any) -> bool:
    """Return True if the values are equal as JSON text: true is not 1, and 1 is not 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _parse_choice(text: str, schema: FieldSchema) -> Any:
    values = [choice.value for choice in schema.choices or ()]
    parsed = _parse_json(text)
    if parsed is not _NOT_JSON and any(_is_equal(parsed, value) for value in values):
        return parsed
    if text in [value for value in values if isinstance(value, str)] or parsed is _NOT_JSON:
        return text
    return text if all(isinstance(value, str) for value in values) else parsed


def _parse_mixed(text: str, schema: FieldSchema) -> Any:
    value = _parse_json(text)
    if value is _NOT_JSON or not schema.types:
        return text if value is _NOT_JSON else value
    if isinstance(value, str):
        return value if _parse_mixed(value, schema) != value else text
    return value if _TYPES[type(value)] & schema.types else text


def _parse_lines(text: str, schema: FieldSchema) -> Any:
    start = text.strip()
    if start.startswith("[" if schema.items else "{") or (start == "null" and schema.is_nullable):
        value = _parse_json(text)
        if value is _NOT_JSON:
            raise InvalidText(_describe_invalid_json(text))
        return value
    lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    if schema.items is not None:
        return [parse_text(line, schema.items) for line in lines]
    assert schema.map_values is not None
    pairs = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.partition("=")
        if not equals:
            raise InvalidText(f"must be valid JSON, or name=value on each line; line {number} is neither")
        pairs[name] = parse_text(value, schema.map_values)
    return pairs


def _format_plain(value: Any, schema: FieldSchema) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and schema.items is not None:
        return "\n".join(format_text(item, schema.items) for item in value)
    if isinstance(value, dict) and value and schema.map_values is not None:
        return "\n".join(f"{name}={format_text(item, schema.map_values)}" for name, item in value.items())
    return None


def _is_read_as(text: str, value: Any, schema: FieldSchema) -> bool:
    try:
        return is_same_json(parse_text(text, schema), value)
    except InvalidText:
        return False


def _parse_json(text: str) -> Any:
    if text.strip() in _CONSTANTS:
        return _NOT_JSON
    try:
        return parse_json(remove_byte_order_mark(text))
    except InvalidJson:
        return _NOT_JSON


def _describe_invalid_json(text: str) -> str:
    try:
        parse_json(remove_byte_order_mark(text))
    except InvalidJson as error:
        return str(error)
    return "must be valid JSON"


def _normalize_number(text: str) -> str:
    """Return the JSON of numbers that people and browsers write otherwise: 007, +5 and .5."""
    match = _NUMBER.fullmatch(text)
    if match is None or not (match[2] or match[3] or "0" in text.lower().partition("e")[0]):
        return text
    return f"{'-' if match[1] == '-' else ''}{match[2] or '0'}{match[3] or ''}{match[4] or ''}"


def _is_equal(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
