"""Forms of schemas with thousands of parameters, long defaults and many choices."""

from typing import Any

import pytest

from domain.errors import FieldProblem
from entrypoints.web.view_models.forms import MAX_FIELDS, assign_errors, build_form_fields_from_schema, parse_form_values
from entrypoints.web.view_models.parameter_forms.controls import MAX_OPTIONS


def a_schema(count: int, **rule: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {f"p{index}": {"type": "string", **rule} for index in range(count)}}


@pytest.mark.parametrize(("count", "default"), [(MAX_FIELDS + 1, ""), (9_000, "a"), (100, "<" * 1_000), (3, "x" * 300_000)])
def test_parameters_that_do_not_fit_share_one_field(count: int, default: str) -> None:
    fields = build_form_fields_from_schema(a_schema(count, default=default))

    assert len(fields) <= MAX_FIELDS + 1
    assert fields[-1].is_rest and fields[-1].hint.startswith(f"{count - len(fields) + 1:,} parameters")
    assert sum(len(field.text) for field in fields) < 100_000


def test_the_shared_field_takes_a_json_object() -> None:
    schema = a_schema(300)
    form = {"p.p0": "zero", "rest": '{"p250": "late", "p299": "last"}'}

    values = parse_form_values(build_form_fields_from_schema(schema, form))

    assert values == {"p0": "zero", "p250": "late", "p299": "last"}


@pytest.mark.parametrize("text", ["[1]", "7", "x", '"a"', "{"])
def test_another_value_in_the_shared_field_is_an_error(text: str) -> None:
    schema = a_schema(300)
    fields = build_form_fields_from_schema(schema, {"rest": text})

    parse_form_values(fields)

    assert fields[-1].error in ("must be a JSON object", "must be valid JSON: line 1, column 1", "must be valid JSON: line 1, column 2")


def test_problems_of_shared_parameters_are_named_at_the_shared_field() -> None:
    fields = build_form_fields_from_schema(a_schema(300))

    rest = assign_errors(fields, [FieldProblem("parameters.p299", "is too long")])

    assert rest == []
    assert fields[-1].error_sentence == "p299 is too long"


def test_a_field_with_thousands_of_choices_is_entered_as_json() -> None:
    schema = {"properties": {"a": {"enum": list(range(MAX_OPTIONS + 1))}, "b": {"enum": list(range(MAX_OPTIONS))}}}

    many, few = build_form_fields_from_schema(schema)

    assert (many.control, many.options) == ("json", ()) and "one of 501 values" in many.hint
    assert few.control == "select"


def test_a_value_too_long_for_a_field_is_not_shown() -> None:
    fields = build_form_fields_from_schema(a_schema(3), values={"p0": "a", "p1": "x" * 500_000, "p2": "c"})

    assert [field.shown_text for field in fields] == ["a", "", ""]
