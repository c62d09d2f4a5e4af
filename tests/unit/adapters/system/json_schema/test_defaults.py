from typing import Any

import pytest

from adapters.system.json_schema.validator import JsonSchemaValidator

REGION = {"type": "string", "enum": ["n", "s"], "default": "n"}
RETRY = {"type": "object", "properties": {"count": {"type": "integer", "default": 3}, "delay": {"type": "integer"}}}
TREE = {"type": "object", "properties": {"size": {"default": 1}, "left": {"$ref": "#/$defs/tree"}}}


def apply(properties: dict[str, Any], parameters: dict[str, Any], **others: Any) -> Any:
    schema = {"properties": properties, "$defs": {"region": REGION, "retry": RETRY, "tree": TREE}, **others}
    schemas = JsonSchemaValidator()
    assert not schemas.find_schema_problems(schema)
    filled = schemas.apply_defaults(parameters, schema)
    assert schemas.apply_defaults(filled, schema) == filled
    return filled


@pytest.mark.parametrize(
    ("rule", "given", "filled"),
    [
        ({"$ref": "#/$defs/region"}, {}, {"a": "n"}),
        ({"$ref": "#/$defs/region", "default": "s"}, {}, {"a": "s"}),
        ({"allOf": [{"$ref": "#/$defs/region"}]}, {}, {"a": "n"}),
        ({"allOf": [{"title": "Region"}, {"allOf": [{"default": "s"}]}]}, {}, {"a": "s"}),
        ({"$ref": "#/$defs/region"}, {"a": "s"}, {"a": "s"}),
        ({"default": None}, {}, {"a": None}),
        ({"default": False}, {}, {"a": False}),
        ({"$ref": "#/$defs/retry"}, {}, {}),
        ({"$ref": "#/$defs/retry"}, {"a": {}}, {"a": {"count": 3}}),
        ({"$ref": "#/$defs/retry"}, {"a": {"count": 5}}, {"a": {"count": 5}}),
        ({"$ref": "#/$defs/retry", "default": {"delay": 1}}, {}, {"a": {"delay": 1, "count": 3}}),
        ({"type": "array", "items": {"$ref": "#/$defs/retry"}}, {"a": [{}, {"count": 1}]}, {"a": [{"count": 3}, {"count": 1}]}),
        ({"prefixItems": [{"type": "string"}, {"$ref": "#/$defs/retry"}]}, {"a": ["x", {}]}, {"a": ["x", {"count": 3}]}),
        ({"additionalProperties": {"$ref": "#/$defs/retry"}}, {"a": {"x": {}, "y": 1}}, {"a": {"x": {"count": 3}, "y": 1}}),
        ({"$ref": "#/$defs/tree"}, {"a": {"left": {"left": {}}}}, {"a": {"size": 1, "left": {"size": 1, "left": {"size": 1}}}}),
        ({"anyOf": [{"default": 1}, {"default": 2}]}, {}, {}),
        ({"if": {"type": "object"}, "then": {"default": 1}}, {}, {}),
        ({"type": "object", "properties": {"b": {"default": 1}}}, {"a": "no object"}, {"a": "no object"}),
    ],
)
def test_an_absent_property_gets_its_default(rule: dict[str, Any], given: dict[str, Any], filled: dict[str, Any]) -> None:
    assert apply({"a": rule}, given) == filled


def test_a_required_object_is_created_if_a_property_has_a_default() -> None:
    properties = {"a": {"$ref": "#/$defs/retry"}, "b": {"type": "object", "properties": {"c": {}}}}

    assert apply(properties, {}, required=["a"]) == {"a": {"count": 3}}


def test_defaults_of_the_top_level_may_be_behind_a_reference() -> None:
    assert apply({}, {}, **{"$ref": "#/$defs/retry"}) == {"count": 3}
    assert apply({}, {}, allOf=[{"$ref": "#/$defs/retry"}, {"properties": {"delay": {"default": 9}}}]) == {"count": 3, "delay": 9}


def test_the_given_parameters_and_the_schema_stay_unchanged() -> None:
    schema = {"properties": {"a": {"type": "object", "default": {}, "properties": {"b": {"default": []}}}}}
    given: dict[str, Any] = {"x": {}}

    first = JsonSchemaValidator().apply_defaults(given, schema)
    first["a"]["b"].append(1)

    assert given == {"x": {}}
    assert JsonSchemaValidator().apply_defaults({}, schema) == {"a": {"b": []}}


def test_defaults_count_when_parameters_are_validated() -> None:
    schemas = JsonSchemaValidator()
    schema = {"properties": {"a": {**RETRY, "required": ["count"]}}, "required": ["a"]}

    assert not schemas.find_problems({}, schema)
    assert not schemas.find_problems({"a": {}}, schema)
    assert [problem.field for problem in schemas.find_problems({"a": {"count": "x"}}, schema)] == ["parameters.a.count"]


def test_too_many_defaults_are_refused() -> None:
    schema = {"properties": {"a": {"items": {"properties": {f"p{i}": {"default": i} for i in range(100)}}}}}

    (problem,) = JsonSchemaValidator().find_problems({"a": [{}] * 1_000}, schema)

    assert problem.message == "the schema's defaults would add too many values"
