"""Describe parameters in words: their types, limits and defaults."""

import json
from collections.abc import Mapping
from typing import Any

from entrypoints.parameters.field_schema import FieldSchema, list_properties, list_required

_MAX_CHOICES = 8


def describe_field(schema: FieldSchema, is_required: bool) -> str:
    """Return the type or choices, the limits, and the default or "required", such as "integer, 1 to 12, required"."""
    parts = [_describe_kind(schema), *describe_limits(schema)]
    if schema.has_default:
        parts.append(f"default {_shorten(schema.rule['default'], 40)}")
    elif is_required:
        parts.append("required")
    return ", ".join(parts)


def describe_limits(schema: FieldSchema) -> list[str]:
    """Return what the schema asks of values beside their type, for people who enter one."""
    rule = schema.rule
    low, high = _get_limit(rule, "minimum", "exclusiveMinimum", "above"), _get_limit(rule, "maximum", "exclusiveMaximum", "below")
    parts = []
    if "minimum" in rule and "maximum" in rule:
        parts.append(f"{rule['minimum']} to {rule['maximum']}")
    else:
        parts += [limit for limit in (low, high) if limit]
    if "multipleOf" in rule:
        parts.append(f"a multiple of {rule['multipleOf']}")
    parts += _describe_sizes(rule)
    if isinstance(rule.get("format"), str):
        parts.append(_FORMATS.get(rule["format"], rule["format"]))
    if isinstance(rule.get("pattern"), str):
        parts.append(f"matches {rule['pattern']:.60}")
    if rule.get("deprecated") is True:
        parts.append("deprecated")
    if rule.get("readOnly") is True:
        parts.append("read-only")
    return parts


def list_parameters(schema: Mapping[str, Any] | None, limit: int | None = None) -> list[tuple[str, str, str]]:
    """Return each parameter's, or the first ones', name, its description in words, and its title and text from the schema."""
    required = list_required(schema)
    return [
        (name, describe_field(field, name in required), ": ".join(filter(None, (field.title, field.description))))
        for name, field in list_properties(schema, limit).items()
    ]


_FORMATS = {"date": "date as 2026-01-31", "date-time": "time as 2026-01-31T09:00:00Z", "time": "time as 09:00:00Z"}


def _describe_kind(schema: FieldSchema) -> str:
    if schema.choices is not None:
        shown = [_shorten(choice.value, 30) for choice in schema.choices[:_MAX_CHOICES]]
        return " or ".join([*shown, "…"] if len(schema.choices) > _MAX_CHOICES else shown)
    return " or ".join(sorted(schema.value_types) + (["null"] if schema.is_nullable else [])) or "any"


def _describe_sizes(rule: Mapping[str, Any]) -> list[str]:
    units = (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items"))
    parts = []
    for lowest, highest, unit in units:
        low, high = rule.get(lowest), rule.get(highest)
        if low is not None and high is not None:
            parts.append(f"{low} to {high} {unit}")
        elif low is not None or high is not None:
            parts.append(f"at least {low} {unit}" if low is not None else f"at most {high} {unit}")
    return parts


def _get_limit(rule: Mapping[str, Any], inclusive: str, exclusive: str, word: str) -> str:
    if inclusive in rule:
        return f"at {'least' if word == 'above' else 'most'} {rule[inclusive]}"
    return f"{word} {rule[exclusive]}" if exclusive in rule else ""


def _shorten(value: Any, length: int) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= length else text[: length - 1] + "…"
