"""Form fields built from a JSON Schema, and the values that were entered in them."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.errors import FieldProblem
from domain.pipelines.definition import PipelineDefinition
from entrypoints.parameters.field_schema import FieldSchema, list_properties, list_property_names, list_required
from entrypoints.web.view_models.parameter_forms.field_builder import build_field, build_field_with_value
from entrypoints.web.view_models.parameter_forms.form_field import OMITTED, FormField
from entrypoints.web.view_models.parameter_forms.form_limits import limit_texts, measure_field
from entrypoints.web.view_models.parameter_forms.rest_fields import build_field_of_other_names, build_rest_field

MAX_FIELDS = 200
MAX_SHOWN_LENGTH = 60_000
"""Characters of all names, texts, defaults and choices of a form. The parameters beyond are entered as one JSON object."""


def build_form_fields(
    definition: PipelineDefinition, form: Mapping[str, str] | None = None, values: Mapping[str, Any] | None = None
) -> list[FormField]:
    """Return a field for each parameter, with the posted text or its default. With `values`, the fields begin with them."""
    return build_form_fields_from_schema(definition.parameters, form, values)


def build_form_fields_from_schema(
    schema: Mapping[str, Any] | None, form: Mapping[str, str] | None = None, values: Mapping[str, Any] | None = None
) -> list[FormField]:
    """Return a field for each property of an object's JSON Schema, and one for the properties that do not fit.

    Without such properties, the last field is for other names if the schema says what they may be.
    """
    required, names = list_required(schema), list_property_names(schema)
    fields: list[FormField] = []
    remaining = MAX_SHOWN_LENGTH
    for name, rule in list_properties(schema, MAX_FIELDS).items():
        remaining -= len(name) + measure_field(rule)
        if remaining < 0:
            break
        fields.append(_build_field(name, rule, name in required, form, values))
    rest = _build_rest(schema or {}, names, len(fields), form, values)
    return limit_texts(fields + ([rest] if rest is not None else []))


def parse_form_values(fields: Sequence[FormField]) -> dict[str, Any]:
    """Return the values that were entered. Set `error` on a field with invalid text; leave out empty fields without a default."""
    values: dict[str, Any] = {}
    for each in fields:
        value = each.parse()
        if value is OMITTED:
            continue
        if not each.is_rest:
            values[each.name] = value
        elif isinstance(value, dict):
            values = {**value, **values}
        else:
            each.error = "must be a JSON object"
    return values


def assign_errors(fields: Sequence[FormField], problems: Sequence[FieldProblem], path: str = "parameters") -> list[str]:
    """Set each problem as the error of its field. Return the others as sentences. `path` is the prefix of the fields' problems."""
    rest = []
    others = next((each for each in fields if each.is_rest), None)
    for problem in problems:
        name = problem.field.removeprefix(path).removeprefix(".")
        is_of_field = problem.field.startswith(path) and bool(name)
        match = (_find_field(fields, name) or others) if is_of_field else None
        if match is None:
            rest.append(f"{name or path.capitalize()}: {problem.message}")
        elif match.error is None:
            match.error, match.error_path = problem.message, name
    return rest


def format_problems(problems: Sequence[FieldProblem]) -> list[str]:
    """Return the problems as sentences, for forms that show them above their fields."""
    return [f"{problem.field.capitalize()} {problem.message}." for problem in problems]


def _find_field(fields: Sequence[FormField], name: str) -> FormField | None:
    """Return the field with the longest name that the path begins with: names may contain dots."""
    own = [each for each in fields if not each.is_rest]
    found = [each for each in own if name == each.name or name.startswith((f"{each.name}.", f"{each.name}["))]
    return max(found, key=lambda each: len(each.name), default=None)


def _build_field(
    name: str, rule: FieldSchema, is_required: bool, form: Mapping[str, str] | None, values: Mapping[str, Any] | None
) -> FormField:
    if values is None:
        return build_field(name, rule, is_required, form)
    return build_field_with_value(name, rule, is_required, values.get(name, OMITTED), form)


def _build_rest(
    schema: Mapping[str, Any], names: Sequence[str], count: int, form: Mapping[str, str] | None, values: Mapping[str, Any] | None
) -> FormField | None:
    """Return the field for the names after the first `count`, or for other names; None if neither exist."""
    others = schema.get("additionalProperties")
    if len(names) > count:
        return build_rest_field(len(names) - count, form)
    if others is True or (isinstance(others, Mapping) and others):
        given = {name: value for name, value in (values or {}).items() if name not in names}
        return build_field_of_other_names(schema, others, given, form)
    return None
