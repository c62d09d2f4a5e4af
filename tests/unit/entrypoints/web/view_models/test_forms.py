"""Form fields: from a JSON Schema, and back to JSON values."""

from typing import Any

import pytest

from adapters.system.json_schema.validator import JsonSchemaValidator
from domain.errors import FieldProblem
from domain.pipelines.definition import PipelineDefinition
from entrypoints.web.view_models.forms import assign_errors, build_form_fields, parse_form_values
from tests.support.builders import a_definition

RULES: dict[str, Any] = {
    "month": {"type": "integer", "minimum": 1, "maximum": 12},
    "share": {"type": "number", "default": 0.5},
    "who": {"type": "string"},
    "full": {"type": "boolean", "default": True},
    "maybe": {"type": "boolean"},
    "size": {"enum": ["small", 3, None], "default": "small"},
    "tags": {"type": "array"},
}


def _definition(rules: dict[str, Any] = RULES, required: tuple[str, ...] = ("month",)) -> PipelineDefinition:
    return a_definition(parameters={"type": "object", "properties": rules, "required": list(required)})


def _values(typed: dict[str, str], definition: PipelineDefinition | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    definition = definition or _definition()
    fields = build_form_fields(definition, {f"p.{name}": text for name, text in typed.items()})
    values = parse_form_values(fields)
    assign_errors(fields, JsonSchemaValidator().find_problems(values, definition.parameters))
    return values, {field.name: field.error for field in fields if field.error}


def test_each_type_gets_its_control_and_its_default() -> None:
    shown = {field.name: (field.control, field.text) for field in build_form_fields(_definition())}

    assert shown == {
        "month": ("number", ""),
        "share": ("number", "0.5"),
        "who": ("text", ""),
        "full": ("checkbox", "true"),
        "maybe": ("select", ""),
        "size": ("select", '"small"'),
        "tags": ("json", ""),
    }


def test_entered_text_becomes_values_of_the_right_type() -> None:
    typed = {"month": "3", "share": "0.25", "who": "mara", "maybe": "false", "size": "3", "tags": '["a", 1]'}

    values, errors = _values(typed)

    assert values == {"month": 3, "share": 0.25, "who": "mara", "full": False, "maybe": False, "size": 3, "tags": ["a", 1]}
    assert not errors


def test_an_empty_field_is_omitted_unless_it_is_required() -> None:
    values, errors = _values({"share": "", "who": "", "maybe": "", "tags": " "})

    assert values == {"full": False}
    assert errors == {"month": "is required"}


@pytest.mark.parametrize(
    ("name", "text"),
    [("month", "3.5"), ("month", "three"), ("share", "nan"), ("share", "1e999"), ("tags", "[1"), ("tags", "NaN"), ("tags", "[" * 9_000)],
)
def test_invalid_text_is_an_error_of_its_field(name: str, text: str) -> None:
    _, errors = _values({"month": "3", name: text})

    assert list(errors) == [name]


def test_schema_problems_are_errors_of_their_fields() -> None:
    fields = build_form_fields(_definition())

    rest = assign_errors(
        fields,
        [FieldProblem("parameters.month", "is at most 12"), FieldProblem("parameters.tags[0]", "odd"), FieldProblem("parameters", "no")],
    )

    assert {field.name: field.error for field in fields if field.error} == {"month": "is at most 12", "tags": "odd"}
    assert rest == ["Parameters: no"]
