"""Forms: what a field shows, and what was typed into it turned into a value."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.errors import FieldProblem
from domain.pipelines.definition import PipelineDefinition

OMITTED = object()


@dataclass(slots=True)
class FormField:
    """One field. `control` is text, number, checkbox, select or json; `typed` is what stands in it."""

    name: str
    control: str
    hint: str
    typed: str
    is_required: bool
    options: Sequence[tuple[str, str]] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None

    @property
    def key(self) -> str:
        return f"p.{self.name}"


def build_form_fields(definition: PipelineDefinition, typed: Mapping[str, str] | None = None) -> list[FormField]:
    """A field a parameter, with what was typed before or the default."""
    return build_form_fields_from_schema(definition.parameters, typed)


def build_form_fields_from_schema(schema: Mapping[str, Any] | None, typed: Mapping[str, str] | None = None) -> list[FormField]:
    """The same for any JSON Schema of an object."""
    schema = schema or {}
    needed = set(schema.get("required") or ())
    properties = schema.get("properties")
    rules = properties if isinstance(properties, Mapping) else {}
    return [_field(name, rule if isinstance(rule, Mapping) else {}, name in needed, typed) for name, rule in rules.items()]


def _field(name: str, rule: Mapping[str, Any], is_required: bool, typed: Mapping[str, str] | None) -> FormField:
    control, options = _control(rule, is_required)
    unchanged = _written(rule["default"], control) if "default" in rule else ""
    text = unchanged if typed is None else typed.get(f"p.{name}", "")
    attributes = {key: str(rule[schema_key]) for key, schema_key in _LIMITS[control] if schema_key in rule}
    if control == "number":
        attributes["step"] = "1" if rule.get("type") == "integer" else "any"
    if rule.get("format") == "date" and control == "text":
        attributes["type"] = "date"
    return FormField(name, control, _hint(rule, is_required), text, is_required, options, attributes)


def fill_form_fields(fields: Sequence[FormField], values: Mapping[str, Any]) -> Sequence[FormField]:
    """The same fields with these values in them, and nothing where there is none."""
    for each in fields:
        each.typed = _written(values[each.name], each.control) if each.name in values else ""
    return fields


_LIMITS: Mapping[str, Sequence[tuple[str, str]]] = {
    "number": (("min", "minimum"), ("max", "maximum")),
    "text": (("minlength", "minLength"), ("maxlength", "maxLength")),
    "checkbox": (),
    "select": (),
    "json": (),
}


def _control(rule: Mapping[str, Any], is_required: bool) -> tuple[str, Sequence[tuple[str, str]]]:
    if isinstance(rule.get("enum"), list):
        options = [(json.dumps(item, ensure_ascii=False), str(item)) for item in rule["enum"]]
        return "select", options if is_required and "default" in rule else [("", "–"), *options]
    kind = rule.get("type")
    if kind == "boolean":
        if is_required or "default" in rule:
            return "checkbox", ()
        return "select", [("", "–"), ("true", "yes"), ("false", "no")]
    return {"string": "text", "integer": "number", "number": "number"}.get(str(kind), "json"), ()


def _written(value: Any, control: str) -> str:
    if control == "checkbox":
        return "true" if value is True else ""
    if control in ("text", "number"):
        return str(value)
    return json.dumps(value, ensure_ascii=False, indent=2 if control == "json" else None)


def _hint(rule: Mapping[str, Any], is_required: bool) -> str:
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
    return ", ".join(parts)


def parse_form_values(fields: Sequence[FormField], definition: PipelineDefinition) -> dict[str, Any]:
    """What was typed as JSON values; sets `error` on a field that cannot be one. Empty fields without a default are left out."""
    return parse_form_values_from_schema(fields, definition.parameters)


def parse_form_values_from_schema(fields: Sequence[FormField], schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The same for any JSON Schema of an object."""
    rules = (schema or {}).get("properties") or {}
    values = {}
    for each in fields:
        rule = rules.get(each.name)
        value = _value(each, rule if isinstance(rule, Mapping) else {})
        if value is not OMITTED:
            values[each.name] = value
    return values


def _value(each: FormField, rule: Mapping[str, Any]) -> Any:
    text = each.typed
    if each.control == "checkbox":
        return text == "true"
    if each.control == "text" and (text or "default" in rule):
        return text
    if not text.strip():
        if each.is_required:
            each.error = "is needed"
        return OMITTED
    try:
        if each.control == "number":
            return int(text) if rule.get("type") == "integer" else _finite(text)
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        each.error = "is a whole number" if rule.get("type") == "integer" else "is a number" if each.control == "number" else "is JSON"
        return OMITTED


def _finite(text: str) -> float | int:
    number = float(text)
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError("not a number")
    return int(number) if number.is_integer() and "." not in text and "e" not in text.lower() else number


def _no_constant(name: str) -> None:
    raise ValueError(name)


def format_problems(problems: Sequence[FieldProblem]) -> list[str]:
    """For forms that show what is wrong above their fields."""
    return [f"{problem.field.capitalize()} {problem.message}." for problem in problems]


def assign_errors(fields: Sequence[FormField], problems: Sequence[FieldProblem], what: str = "parameters") -> list[str]:
    """Put each problem beside its field; those of no field are returned as sentences."""
    rest = []
    for problem in problems:
        name = problem.field.removeprefix(what).lstrip(".")
        fitting = next((each for each in fields if name == each.name or name.startswith((f"{each.name}.", f"{each.name}["))), None)
        if fitting is None:
            rest.append(f"{name or what.capitalize()}: {problem.message}")
        elif fitting.error is None:
            fitting.error = problem.message
    return rest


@dataclass(slots=True)
class StageFormRow:
    """A row of the form for a new pipeline."""

    name: str = ""
    kind: str = "command"
    command: str = ""
    error: str | None = None


@dataclass(slots=True)
class NewPipelineForm:
    """The form for a new pipeline, as typed."""

    name: str = ""
    description: str = ""
    stages: list[StageFormRow] = field(default_factory=lambda: [StageFormRow(), StageFormRow(), StageFormRow()])
    error: str | None = None
    name_error: str | None = None

    @classmethod
    def typed(cls, form: Mapping[str, Sequence[str]]) -> "NewPipelineForm":
        columns = (form.get("stage", ()), form.get("kind", ()), form.get("work", ()))
        stages = [StageFormRow(name.strip(), kind, work.strip()) for name, kind, work in zip(*columns, strict=False)]
        return cls(_first(form, "name").strip(), _first(form, "description").strip(), stages or [StageFormRow()])

    def raw(self) -> dict[str, Any]:
        """The definition it describes; rows left empty are passed over."""
        stages = [self._stage(row) for row in self.stages if row.name or row.command]
        return {"name": self.name, "description": self.description, "stages": stages}

    @staticmethod
    def _stage(row: StageFormRow) -> dict[str, Any]:
        raw: dict[str, Any] = {"name": row.name, "kind": row.kind}
        if row.kind == "command":
            try:
                raw["command"] = shlex.split(row.command)
            except ValueError:
                raw["command"] = row.command
        elif row.kind == "python":
            raw["callable"] = row.command
        return raw

    def assign_errors(self, problems: Sequence[FieldProblem]) -> None:
        rows = [row for row in self.stages if row.name or row.command]
        for problem in problems:
            index = problem.field.removeprefix("stages[").split("]")[0]
            if problem.field == "name":
                self.name_error = problem.message
            elif problem.field.startswith("stages[") and index.isdigit() and int(index) < len(rows):
                rows[int(index)].error = f"{problem.field.split('.')[-1]}: {problem.message}"
            else:
                self.error = f"{problem.field}: {problem.message}"


def _first(form: Mapping[str, Sequence[str]], key: str) -> str:
    return next(iter(form.get(key, ())), "")
