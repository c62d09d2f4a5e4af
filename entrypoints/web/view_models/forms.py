"""Form fields built from a JSON Schema, and the values that were entered in them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import FieldProblem
from domain.pipelines.definition import PipelineDefinition

MAX_FIELDS = 200
MAX_DEFAULTS_LENGTH = 60_000
"""Characters of the names and defaults of all fields. The parameters beyond are entered as one JSON object."""
MAX_OPTIONS = 500
MAX_HINT_LENGTH = 500
MAX_ENTERED_LENGTH = 120_000
"""Characters of posted text that a form shows again."""
OMITTED = object()
"""The value of an empty field without a default."""
_BLANK_OPTION = ("", "–")
_ATTRIBUTES: Mapping[str, Sequence[tuple[str, str]]] = {
    "number": (("min", "minimum"), ("max", "maximum")),
    "text": (("minlength", "minLength"), ("maxlength", "maxLength")),
    "checkbox": (),
    "select": (),
    "json": (),
}
"""HTML attributes of each control, with the schema key that each comes from."""


@dataclass(slots=True)
class FormField:
    """A field. `control` is text, number, checkbox, select or json; `text` is what the user sees or entered."""

    name: str
    control: str
    hint: str
    text: str
    is_required: bool
    options: Sequence[tuple[str, str]] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    is_rest: bool = False
    """True for the JSON object of all parameters that have no field of their own."""
    is_cut: bool = False
    """True if the text is too long to be shown again. The field is shown empty."""

    @property
    def shown_text(self) -> str:
        """What the field contains on the page."""
        return "" if self.is_cut else self.text

    @property
    def key(self) -> str:
        """The field's name in the posted form."""
        return "rest" if self.is_rest else f"p.{self.name}"


def build_form_fields(definition: PipelineDefinition, form: Mapping[str, str] | None = None) -> list[FormField]:
    """Return a field for each parameter, with the posted text or its default."""
    return build_form_fields_from_schema(definition.parameters, form)


def build_form_fields_from_schema(schema: Mapping[str, Any] | None, form: Mapping[str, str] | None = None) -> list[FormField]:
    """Return a field for each property of an object's JSON Schema, with the posted text or its default."""
    schema = schema or {}
    required = set(schema.get("required") or ())
    properties = schema.get("properties")
    rules = properties if isinstance(properties, Mapping) else {}
    fields: list[FormField] = []
    remaining = MAX_DEFAULTS_LENGTH
    for name, rule in rules.items():
        each = _build_field(name, rule if isinstance(rule, Mapping) else {}, name in required, form)
        remaining -= len(name) + _measure(rule)
        if remaining < 0 or len(fields) == MAX_FIELDS:
            fields.append(_build_rest_field(len(rules) - len(fields), form))
            break
        fields.append(each)
    return _limit_texts(fields) if form is not None else fields


def fill_form_fields(fields: Sequence[FormField], values: Mapping[str, Any]) -> Sequence[FormField]:
    """Set the fields to these values and the others to empty; return the fields."""
    for each in fields:
        each.text = _format_value(values[each.name], each.control) if each.name in values and not each.is_rest else ""
    return _limit_texts(fields)


def parse_form_values(fields: Sequence[FormField], definition: PipelineDefinition) -> dict[str, Any]:
    """Return the parameters that were entered. Set `error` on a field with invalid text; leave out empty fields without a default."""
    return parse_form_values_from_schema(fields, definition.parameters)


def parse_form_values_from_schema(fields: Sequence[FormField], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """Do the same for any JSON Schema of an object."""
    rules = (schema or {}).get("properties") or {}
    values: dict[str, Any] = {}
    for each in fields:
        if each.is_rest:
            values |= _parse_rest(each)
            continue
        rule = rules.get(each.name)
        value = _parse_value(each, rule if isinstance(rule, Mapping) else {})
        if value is not OMITTED:
            values[each.name] = value
    return values


def assign_errors(fields: Sequence[FormField], problems: Sequence[FieldProblem], path: str = "parameters") -> list[str]:
    """Set each problem as the error of its field. Return the problems of no field as sentences. `path` is the prefix of field names."""
    rest = []
    for problem in problems:
        name = problem.field.removeprefix(path).lstrip(".")
        match = next((each for each in fields if name == each.name or name.startswith((f"{each.name}.", f"{each.name}["))), None)
        if match is None:
            rest.append(f"{name or path.capitalize()}: {problem.message}")
        elif match.error is None:
            match.error = problem.message
    return rest


def format_problems(problems: Sequence[FieldProblem]) -> list[str]:
    """Return the problems as sentences, for forms that show them above their fields."""
    return [f"{problem.field.capitalize()} {problem.message}." for problem in problems]


def _build_field(name: str, rule: Mapping[str, Any], is_required: bool, form: Mapping[str, str] | None) -> FormField:
    control, options = _choose_control(rule, is_required)
    default = _format_value(rule["default"], control) if "default" in rule else ""
    text = default if form is None else form.get(f"p.{name}", "")
    attributes = {key: str(rule[schema_key]) for key, schema_key in _ATTRIBUTES[control] if schema_key in rule}
    if control == "number":
        attributes["step"] = "1" if rule.get("type") == "integer" else "any"
    if rule.get("format") == "date" and control == "text":
        attributes["type"] = "date"
    return FormField(name, control, _build_hint(rule, is_required), text, is_required, options, attributes)


def _choose_control(rule: Mapping[str, Any], is_required: bool) -> tuple[str, Sequence[tuple[str, str]]]:
    """Return the control for a property, and its options if it is a select."""
    if isinstance(rule.get("enum"), list):
        if len(rule["enum"]) > MAX_OPTIONS:
            return "json", ()
        options = [(json.dumps(item, ensure_ascii=False), str(item)) for item in rule["enum"]]
        return "select", options if is_required and "default" in rule else [_BLANK_OPTION, *options]
    kind = rule.get("type")
    if kind == "boolean":
        if is_required or "default" in rule:
            return "checkbox", ()
        return "select", [_BLANK_OPTION, ("true", "yes"), ("false", "no")]
    return {"string": "text", "integer": "number", "number": "number"}.get(str(kind), "json"), ()


def _format_value(value: Any, control: str) -> str:
    if control == "checkbox":
        return "true" if value is True else ""
    if control in ("text", "number"):
        return str(value)
    return json.dumps(value, ensure_ascii=False, indent=2 if control == "json" else None)


def _build_hint(rule: Mapping[str, Any], is_required: bool) -> str:
    parts = []
    if isinstance(rule.get("description"), str):
        parts.append(rule["description"])
    low, high = rule.get("minimum"), rule.get("maximum")
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None or high is not None:
        parts.append(f"at least {low}" if low is not None else f"at most {high}")
    if not is_required and "default" not in rule:
        parts.append("optional")
    if isinstance(rule.get("enum"), list) and len(rule["enum"]) > MAX_OPTIONS:
        parts.append(f"one of {len(rule['enum']):,} values, as JSON")
    return ", ".join(parts)[:MAX_HINT_LENGTH]


def _build_rest_field(count: int, form: Mapping[str, str] | None) -> FormField:
    hint = f"{count:,} parameters as a JSON object; those left out get their defaults"
    return FormField("More parameters", "json", hint, form.get("rest", "") if form else "", False, is_rest=True)


def _measure(rule: Any) -> int:
    """Return about how many characters a parameter's default and options take."""
    rule = rule if isinstance(rule, Mapping) else {}
    options = rule.get("enum")
    shown = [rule.get("default", ""), *(options if isinstance(options, list) and len(options) <= MAX_OPTIONS else ())]
    return sum(len(each if isinstance(each, str) else json.dumps(each)) for each in shown)


def _limit_texts(fields: Sequence[FormField]) -> list[FormField]:
    """Mark the fields whose texts are too long to be shown again."""
    remaining = MAX_ENTERED_LENGTH
    for each in fields:
        remaining -= len(each.text)
        if remaining < 0 and each.text:
            each.is_cut = True
    return list(fields)


def _parse_rest(field: FormField) -> dict[str, Any]:
    """Return the parameters that were entered as one JSON object."""
    value = _parse_value(field, {})
    if isinstance(value, dict):
        return value
    if value is OMITTED:
        return {}
    field.error = "must be a JSON object"
    return {}


def _parse_value(field: FormField, rule: Mapping[str, Any]) -> Any:
    text = field.text
    if field.control == "checkbox":
        return text == "true"
    if field.control == "text" and (text or "default" in rule):
        return text
    if not text.strip():
        if field.is_required:
            field.error = "is required"
        return OMITTED
    is_integer = rule.get("type") == "integer"
    try:
        if field.control == "number":
            return int(text) if is_integer else _parse_number(text)
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        kind = "a whole number" if is_integer else "a number" if field.control == "number" else "valid JSON"
        field.error = f"must be {kind}"
        return OMITTED


def _parse_number(text: str) -> float | int:
    """Return a finite number; an int if the text is one."""
    number = float(text)
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("not a number")
    return int(number) if number.is_integer() and "." not in text and "e" not in text.lower() else number


def _reject_constant(name: str) -> None:
    """Refuse NaN and Infinity, which `json` accepts and JSON does not have."""
    raise ValueError(name)
