"""The field of all parameters that have no field of their own."""

from collections.abc import Mapping
from typing import Any

from entrypoints.parameters.field_schema import FieldSchema, resolve_field
from entrypoints.web.view_models.parameter_forms.field_builder import build_field_with_value
from entrypoints.web.view_models.parameter_forms.form_field import OMITTED, FormField


def build_rest_field(count: int, form: Mapping[str, str] | None) -> FormField:
    """Return the field of `count` properties that do not fit into the form."""
    field = _build("More parameters", resolve_field({"type": "object"}, {}), OMITTED, form)
    field.hint = f"{count:,} parameters as a JSON object; omitted ones get their defaults"
    return field


def build_field_of_other_names(
    schema: Mapping[str, Any], others: object, given: Mapping[str, Any], form: Mapping[str, str] | None
) -> FormField:
    """Return the field of names that are no properties. `others` is the subschema of their values, or True."""
    rule = {"type": "object"} | ({"additionalProperties": others} if isinstance(others, Mapping) else {})
    return _build("other parameters", resolve_field(rule, schema), dict(given) or OMITTED, form)


def _build(name: str, schema: FieldSchema, value: Any, form: Mapping[str, str] | None) -> FormField:
    field = build_field_with_value(name, schema, False, value, None)
    field.is_rest = True
    if form is not None:
        field.text = form.get(field.key, "")
    return field
