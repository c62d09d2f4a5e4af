"""Keep forms small, whatever the schema and the values are."""

import json
from collections.abc import Sequence
from typing import Any

from entrypoints.parameters.field_schema import FieldSchema
from entrypoints.web.view_models.parameter_forms.controls import MAX_OPTIONS
from entrypoints.web.view_models.parameter_forms.form_field import FormField

MAX_ENTERED_LENGTH = 120_000
"""Characters of values and posted text that a form shows."""


def measure_field(schema: FieldSchema) -> int:
    """Return about how many characters the field's texts, default, example and options take."""
    choices = schema.choices or ()
    options = [each.title or each.value for each in choices] if len(choices) <= MAX_OPTIONS else []
    shown = [schema.title, schema.description, schema.rule.get("default", ""), *_list_shown_examples(schema), *options]
    return sum(len(each if isinstance(each, str) else json.dumps(each)) for each in shown)


def limit_texts(fields: Sequence[FormField]) -> list[FormField]:
    """Mark the fields whose texts are too long to be shown, and return all."""
    remaining = MAX_ENTERED_LENGTH
    for each in fields:
        remaining -= len(each.text)
        each.is_cut = remaining < 0 and bool(each.text)
    return list(fields)


def _list_shown_examples(schema: FieldSchema) -> list[Any]:
    examples = schema.rule.get("examples")
    return examples[:1] if isinstance(examples, list) else []
