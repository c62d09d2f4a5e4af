"""Meanings of an empty field: the parameter is omitted, empty text or null."""

from typing import Any

from entrypoints.parameters.field_schema import FieldSchema
from entrypoints.web.view_models.parameter_forms.form_field import OMITTED, FormField


def get_default_blank(schema: FieldSchema, reference: Any) -> str:
    """Return the meaning with which an empty field stands for its reference value, or for an emptied one."""
    if reference is OMITTED:
        return "omit"
    if reference is None:
        return "null"
    if "string" in schema.types:
        return "empty"
    return "null" if schema.is_nullable else "omit"


def list_blank_options(field: FormField) -> list[tuple[str, str]]:
    """Return what an empty field may mean, if there is a choice."""
    schema = field.schema
    if field.control in ("select", "checkbox") or field.is_read_only or (schema.has_default and not schema.is_nullable):
        return []
    options = [("omit", _describe_omission(field))]
    if "string" in schema.types and _may_be_empty(schema):
        options.append(("empty", "empty text"))
    if schema.is_nullable:
        options.append(("null", "null"))
    return options if len(options) > 1 else []


def _describe_omission(field: FormField) -> str:
    if field.schema.has_default:
        return "the default"
    return "not allowed" if field.is_required else "left out"


def _may_be_empty(schema: FieldSchema) -> bool:
    return not schema.rule.get("minLength") and "format" not in schema.rule and "pattern" not in schema.rule
