"""Build a field from a parameter's schema."""

from collections.abc import Mapping, Sequence
from typing import Any

from entrypoints.parameters.field_schema import FieldSchema
from entrypoints.parameters.text_values import format_text, is_same_json, parse_text
from entrypoints.web.view_models.parameter_forms.blank_values import get_default_blank, list_blank_options
from entrypoints.web.view_models.parameter_forms.controls import build_attributes, build_hint, choose_control, count_rows
from entrypoints.web.view_models.parameter_forms.form_field import OMITTED, FormField

_BLANK_OPTION = ("", "–")


def build_field(name: str, schema: FieldSchema, is_required: bool, form: Mapping[str, str] | None) -> FormField:
    """Return the field with its default, or with the posted text."""
    default = schema.rule.get("default", OMITTED)
    return _fill_in(FormField(name, schema, choose_control(schema, is_required), is_required, default), form)


def build_field_with_value(name: str, schema: FieldSchema, is_required: bool, value: Any, form: Mapping[str, str] | None) -> FormField:
    """Return the field with its present value (or OMITTED), or with the text that was posted."""
    return _fill_in(FormField(name, schema, choose_control(schema, is_required), is_required, value, is_kept=True), form)


def _fill_in(field: FormField, form: Mapping[str, str] | None) -> FormField:
    field.text = _format_reference(field) if form is None else form.get(field.key, "")
    field.hint = build_hint(field)
    field.rows = count_rows(field)
    field.options = _list_options(field) if field.control == "select" else ()
    field.attributes = build_attributes(field)
    field.blank = "omit" if field.control == "select" else get_default_blank(field.schema, field.reference)
    field.blank_options = list_blank_options(field)
    if form is not None and form.get(field.blank_key) in dict(field.blank_options):
        field.blank = form[field.blank_key]
    return field


def _format_reference(field: FormField) -> str:
    value = field.reference
    if value is OMITTED:
        return ""
    if field.control == "checkbox":
        return "true" if value is True else ""
    return "" if value is None and field.control != "select" else format_text(value, field.schema)


def _list_options(field: FormField) -> list[tuple[str, str]]:
    """Return the values, as JSON, with what the user sees; the posted text too if it is none of them."""
    schema = field.schema
    if schema.choices is None:
        options = [("true", "yes"), ("false", "no")] + ([("null", "null")] if schema.is_nullable else [])
    else:
        options = [(format_text(choice.value, schema), choice.title or _show_value(choice.value, schema)) for choice in schema.choices]
    if field.text:
        field.text = _find_option(field, options)
        if field.text not in dict(options):
            options.append((field.text, field.text))
    return options if field.is_required and schema.has_default else [_BLANK_OPTION, *options]


def _show_value(value: Any, schema: FieldSchema) -> str:
    """Return a text as it is, unless a value of another type looks the same."""
    others = [format_text(choice.value, schema) for choice in schema.choices or () if not isinstance(choice.value, str)]
    return value if isinstance(value, str) and value and value not in others else format_text(value, schema)


def _find_option(field: FormField, options: Sequence[tuple[str, str]]) -> str:
    """Return the option for the text, which may be written otherwise: small for "small"."""
    value = parse_text(field.text, field.schema)
    return next((key for key, _ in options if is_same_json(parse_text(key, field.schema), value)), field.text)
