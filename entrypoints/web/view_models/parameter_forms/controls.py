"""The control of a field: its kind, its height, and the attributes that help a browser to offer the right input.

No attribute limits what can be entered: the check of the schema says what is wrong. A browser would cut pasted text at `maxlength`, and
counts characters otherwise.
"""

from datetime import date
from typing import Any

from entrypoints.parameters.descriptions import describe_limits
from entrypoints.parameters.field_schema import FieldSchema
from entrypoints.parameters.text_values import format_text
from entrypoints.web.view_models.parameter_forms.form_field import FormField, normalize_line_ends

MAX_OPTIONS = 500
MAX_HINT_LENGTH = 500
SHORT_TEXT = 100
"""Texts that may be longer get a field of several lines, since a field of one line drops the line ends of pasted text."""
_MAX_ROWS = 20
_KEYBOARDS = {"email": "email", "idn-email": "email", "uri": "url", "iri": "url", "uri-reference": "url"}
_PLACEHOLDERS = {"date-time": "2026-01-31T09:00:00Z", "time": "09:00:00Z", "duration": "P1DT12H", "email": "name@example.com"}


def choose_control(schema: FieldSchema, is_required: bool) -> str:
    """Return text, number, checkbox, select, lines or json."""
    types = schema.value_types
    if schema.choices is not None:
        return "select" if len(schema.choices) <= MAX_OPTIONS else "json"
    if types == {"boolean"}:
        return "checkbox" if not schema.is_nullable and (is_required or schema.has_default) else "select"
    if schema.items is not None or schema.map_values is not None:
        return "lines"
    if not schema.is_scalar:
        return "json"
    return "number" if types <= {"integer", "number"} else "text"


def count_rows(field: FormField) -> int:
    """Return the number of lines of a text area, or 0 for a control of one line."""
    lines = min(_MAX_ROWS, normalize_line_ends(field.text).count("\n") + 1)
    if field.control in ("json", "lines"):
        return max(lines, 3)
    if field.control != "text":
        return 0
    if lines > 1 or _is_for_several_lines(field.schema):
        return max(lines, 3)
    return 0 if "format" in field.schema.rule or _get_max_length(field.schema) <= SHORT_TEXT else 1


def build_attributes(field: FormField) -> dict[str, str]:
    """Return the attributes of the control."""
    rule, attributes = field.schema.rule, {}
    if field.control == "number":
        attributes["inputmode"] = "numeric" if field.schema.value_types == {"integer"} and rule.get("minimum", -1) >= 0 else "decimal"
    if field.control == "text" and not field.rows:
        attributes |= _get_input_type(field)
    if field.control in ("text", "number", "lines", "json") and (examples := _list_examples(field.schema)):
        attributes["placeholder"] = format_text(examples[0], field.schema)
    elif field.control == "text" and rule.get("format") in _PLACEHOLDERS:
        attributes["placeholder"] = _PLACEHOLDERS[rule["format"]]
    return attributes


def build_hint(field: FormField) -> str:
    """Return how to enter the value, its limits, and whether it is needed."""
    schema, parts = field.schema, []
    if field.control == "json" and schema.choices is not None:
        parts.append(f"one of {len(schema.choices):,} values, as JSON or text")
    elif field.control == "json":
        kinds = {"array": "a list", "object": "an object"}
        found = [kinds[kind] for kind in sorted(schema.value_types) if kind in kinds]
        parts.append(f"JSON: {' or '.join(found)}" if found and len(found) == len(schema.value_types) else "JSON or text")
    elif field.control == "lines":
        parts.append("one on each line" if schema.items is not None else "name=value on each line")
    parts += describe_limits(schema)
    if not schema.has_default:
        parts.append("required" if field.is_required else "optional")
    return ", ".join(parts)[:MAX_HINT_LENGTH]


def _get_input_type(field: FormField) -> dict[str, str]:
    """Return the type of a text field of one line. A browser shows no invalid date in a date field, so such a text stays a text."""
    rule = field.schema.rule
    if rule.get("format") == "date" and (not field.text or _is_date(field.text)):
        return {"type": "date"}
    if rule.get("writeOnly") is True:
        return {"type": "password"}
    return {"inputmode": _KEYBOARDS[rule["format"]]} if rule.get("format") in _KEYBOARDS else {}


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_for_several_lines(schema: FieldSchema) -> bool:
    examples = [schema.rule.get("default"), *_list_examples(schema)]
    return "contentMediaType" in schema.rule or any(isinstance(each, str) and "\n" in normalize_line_ends(each) for each in examples)


def _get_max_length(schema: FieldSchema) -> float:
    value = schema.rule.get("maxLength")
    return value if isinstance(value, int | float) else SHORT_TEXT + 1


def _list_examples(schema: FieldSchema) -> list[Any]:
    examples = schema.rule.get("examples")
    return examples if isinstance(examples, list) else []
