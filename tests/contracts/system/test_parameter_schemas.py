from typing import Any

import pytest

from application.ports.system.parameter_schemas import ParameterSchemas

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["month"],
    "properties": {
        "month": {"type": "integer", "minimum": 1, "maximum": 12},
        "carrier": {"type": "string", "enum": ["UA", "AA"], "default": "UA"},
        "dry": {"type": "boolean"},
        "share": {"type": "number"},
    },
}


def get_fields(problems: Any) -> list[str]:
    return sorted(problem.field for problem in problems)


@pytest.mark.parametrize("schema", [SCHEMA, {}, {"type": "object"}, {"properties": {"a": {}}}])
def test_an_object_schema_has_no_problems(schemas: ParameterSchemas, schema: dict[str, Any]) -> None:
    assert list(schemas.find_schema_problems(schema)) == []


@pytest.mark.parametrize(
    "schema", [{"type": "array"}, {"type": "string"}, {"properties": {"a": {"type": "whole"}}}, {"properties": {"a": 7}}]
)
def test_a_schema_of_another_type_or_an_invalid_one_is_a_problem(schemas: ParameterSchemas, schema: dict[str, Any]) -> None:
    problems = schemas.find_schema_problems(schema)

    assert problems
    assert all(problem.field.startswith("parameters") and problem.message for problem in problems)


@pytest.mark.parametrize(
    "parameters", [{"month": 1}, {"month": 12, "carrier": "AA", "dry": True, "share": 0.5}, {"month": 3, "share": 1, "more": [None]}]
)
def test_valid_parameters_have_no_problems(schemas: ParameterSchemas, parameters: dict[str, Any]) -> None:
    assert list(schemas.find_problems(parameters, SCHEMA)) == []


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"month": 0}, "parameters.month"),
        ({"month": 13}, "parameters.month"),
        ({"month": "3"}, "parameters.month"),
        ({"month": True}, "parameters.month"),
        ({"month": None}, "parameters.month"),
        ({"month": 3, "carrier": "XX"}, "parameters.carrier"),
        ({"month": 3, "dry": 1}, "parameters.dry"),
        ({"month": 3, "share": "half"}, "parameters.share"),
    ],
)
def test_an_invalid_parameter_is_named(schemas: ParameterSchemas, parameters: dict[str, Any], field: str) -> None:
    assert get_fields(schemas.find_problems(parameters, SCHEMA)) == [field]


def test_all_problems_are_reported_together(schemas: ParameterSchemas) -> None:
    assert get_fields(schemas.find_problems({"month": 99, "dry": "no"}, SCHEMA)) == ["parameters.dry", "parameters.month"]


def test_a_missing_parameter_is_a_problem_unless_it_has_a_default(schemas: ParameterSchemas) -> None:
    problems = schemas.find_problems({}, SCHEMA)

    assert len(problems) == 1
    assert problems[0].field.startswith("parameters")
    assert not schemas.find_problems({}, {"required": ["a"], "properties": {"a": {"default": 1}}})


def test_an_additional_parameter_is_a_problem_if_the_schema_forbids_it(schemas: ParameterSchemas) -> None:
    schema = {"properties": {"a": {}}, "additionalProperties": False}

    assert schemas.find_problems({"b": 1}, schema)
    assert not schemas.find_problems({"a": 1}, schema)


def test_a_pipeline_without_a_schema_takes_no_parameters(schemas: ParameterSchemas) -> None:
    assert not schemas.find_problems({}, None)
    assert get_fields(schemas.find_problems({"a": 1}, None)) == ["parameters"]


def test_defaults_are_applied_only_to_missing_parameters(schemas: ParameterSchemas) -> None:
    parameters = {"month": 3}

    assert schemas.apply_defaults(parameters, SCHEMA) == {"month": 3, "carrier": "UA"}
    assert schemas.apply_defaults({"carrier": "AA"}, SCHEMA) == {"carrier": "AA"}
    assert schemas.apply_defaults(parameters, None) == parameters
    assert parameters == {"month": 3}


def test_a_foreign_schema_fills_in_no_default(schemas: ParameterSchemas) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "default": None}}, "required": ["b"]}

    assert get_fields(schemas.find_foreign_problems({"b": 1}, schema)) == []
    assert get_fields(schemas.find_foreign_problems({"a": "x"}, schema)) == ["parameters.a", "parameters.b"]


def test_an_invalid_foreign_schema_cannot_be_used(schemas: ParameterSchemas) -> None:
    assert schemas.find_foreign_problems({"a": 1}, {"properties": {"a": {"type": "whole"}}}) is None
