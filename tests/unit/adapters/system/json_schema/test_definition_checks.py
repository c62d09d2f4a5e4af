from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from adapters.system.json_schema.definition_checks import find_schema_problems
from adapters.system.json_schema.keywords import FORMATS


def with_property(schema: Any, **others: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, **others}


def find(schema: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.field.removeprefix("parameters."), problem.message) for problem in find_schema_problems(schema)]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_in_the_list_is_checked(name: str) -> None:
    Draft202012Validator({"format": name}, validate_formats=True, ignore_unknown_formats=False)

    assert find(with_property({"type": "string", "format": name})) == []


@pytest.mark.parametrize("name", ["dat", "datetime", "int32", "password", "Date", "e-mail", ""])
def test_an_unknown_format_is_named_with_the_formats_that_are_checked(name: str) -> None:
    ((field, message),) = find(with_property({"type": "string", "format": name}))

    assert field == "properties.a.format"
    assert message.startswith(f"{name} is not a format that is checked")
    assert ", uuid" in message


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": None}, "type"),
        ({"type": ["string", None]}, "type[1]"),
        ({"type": [None, "integer"]}, "type[0]"),
        ({"anyOf": [{"type": "string"}, {"type": None}]}, "anyOf[1].type"),
        ({"type": "array", "items": {"type": ["number", None]}}, "items.type[1]"),
        ({"type": "object", "properties": {"b": {"type": ["boolean", None]}}}, "properties.b.type[1]"),
    ],
)
def test_a_type_that_yaml_reads_as_null_is_named(schema: dict[str, Any], place: str) -> None:
    assert find(with_property(schema)) == [(f"properties.a.{place}", 'is null: the type is the text "null", in quotes')]


@pytest.mark.parametrize(
    ("schema", "accepted"),
    [
        ({"type": "string", "nullable": True}, 'type: [string, "null"]'),
        ({"type": "integer", "nullable": True, "minimum": 1}, 'type: [integer, "null"]'),
        ({"type": ["string", "integer"], "nullable": True}, 'type: [string, integer, "null"]'),
        ({"type": "string", "enum": ["a"], "nullable": True}, 'type: [string, "null"], with null in enum'),
        ({"$ref": "#/$defs/region", "nullable": True}, 'anyOf: [{…}, {type: "null"}]'),
        ({"nullable": True}, 'anyOf: [{…}, {type: "null"}]'),
    ],
)
def test_nullable_of_openapi_is_refused_with_the_schema_to_write(schema: dict[str, Any], accepted: str) -> None:
    ((field, message),) = find(with_property(schema, **{"$defs": {"region": {"enum": ["n"]}}}))

    assert field == "properties.a.nullable"
    assert message == f"is a keyword of OpenAPI 3.0, not of JSON Schema; to accept null, write {accepted}"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "nullable": False},
        {"type": ["string", "null"], "nullable": True},
        {"type": "object", "properties": {"nullable": {"type": "boolean"}}},
        {"type": "object", "default": {"nullable": True}},
    ],
)
def test_nullable_that_changes_nothing_is_accepted(schema: dict[str, Any]) -> None:
    assert find(with_property(schema)) == []


def test_the_nearest_format_is_suggested() -> None:
    assert "did you mean date-time?" in find(with_property({"format": "datetime"}))[0][1]


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"type": "string", "format": "date", "default": "today"}, "default"),
        ({"type": "integer", "default": "3"}, "default"),
        ({"type": "integer", "minimum": 5, "default": 3}, "default"),
        ({"type": "string", "enum": ["n", "s"], "default": "w"}, "default"),
        ({"type": "string", "default": None}, "default"),
        ({"type": "string", "pattern": "^[a-z]+$", "default": "A1"}, "default"),
        ({"$ref": "#/$defs/region", "default": "x"}, "default"),
        ({"type": "array", "items": {"type": "integer"}, "default": [1, "2"]}, "default"),
        ({"type": "object", "properties": {"b": {"type": "string", "default": 5}}}, "properties.b.default"),
        ({"type": "array", "items": {"type": "integer", "default": "x"}}, "items.default"),
        ({"anyOf": [{"type": "string"}, {"type": "integer", "default": 1.5}]}, "anyOf[1].default"),
        ({"type": "integer", "examples": [1, "b"]}, "examples[1]"),
        ({"type": "string", "enum": ["a", None]}, "enum[1]"),
        ({"type": "string", "const": 1}, "const"),
        ({"type": "object", "required": ["b"], "default": {}}, "default"),
    ],
)
def test_a_value_of_the_schema_must_match_the_schema(schema: dict[str, Any], place: str) -> None:
    ((field, message),) = find(with_property(schema, **{"$defs": {"region": {"enum": ["n", "s"]}}}))

    assert field == f"properties.a.{place}"
    assert message.startswith("does not match its own schema: ")


def test_every_default_that_does_not_match_is_named() -> None:
    found = find({"properties": {"a": {"type": "string", "default": 1}, "b": {"type": "integer", "default": "x"}, "c": {"default": 1}}})

    assert [field for field, _ in found] == ["properties.a.default", "properties.b.default"]


def test_a_default_may_be_completed_by_nested_defaults() -> None:
    nested = {"type": "object", "required": ["b"], "properties": {"b": {"type": "integer", "default": 3}}, "default": {}}

    assert find(with_property(nested)) == []


@pytest.mark.parametrize(
    ("schema", "field", "message"),
    [
        ({"$ref": "#/$defs/no"}, "properties.a.$ref", "there is no #/$defs/no in the schema"),
        ({"$ref": "#no"}, "properties.a.$ref", "there is no #no in the schema"),
        ({"$ref": "#/properties/a/items/0"}, "properties.a.$ref", "there is no #/properties/a/items/0 in the schema"),
        ({"$ref": "https://example.com/x.json"}, "properties.a.$ref", "must stay within the schema"),
        ({"$ref": "other.json#/a"}, "properties.a.$ref", "must stay within the schema"),
        ({"items": {"$dynamicRef": "#no"}}, "properties.a.items.$dynamicRef", "there is no #no"),
        ({"type": "strng"}, "properties.a.type", '"strng" is not valid'),
        ({"minimum": "x"}, "properties.a.minimum", '"x" is not of type "number"'),
        ({"required": "b"}, "properties.a.required", "is not of type"),
        ({"properties": []}, "properties.a.properties", "is not of type"),
        ({"items": 7}, "properties.a.items", "7 is not of type"),
        ({"pattern": "("}, "properties.a.pattern", "( is not a regular expression"),
        ({"patternProperties": {"[": {}}}, "properties.a.patternProperties.[", "[ is not a regular expression"),
        ({"pattern": "(?P<x>a)(?P=x)"}, "properties.a.pattern", "is not a regular expression"),
        ({"pattern": "((a{1,100}){1,100}){1,100}"}, "properties.a.pattern", "or is too large"),
        ({"$id": "https://example.com/x", "type": "string"}, "properties.a.$id", "at the top of the schema only"),
    ],
)
def test_an_invalid_schema_names_the_place(schema: dict[str, Any], field: str, message: str) -> None:
    found = find(with_property(schema))

    assert found[0][0] == field
    assert message in found[0][1]


def double(count: int) -> dict[str, Any]:
    """Return a schema whose subschemas combine in 2 ** count ways."""
    steps: dict[str, Any] = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(count)}
    return with_property({"$ref": "#/$defs/d0"}, **{"$defs": {**steps, f"d{count}": {"type": "integer"}}})


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        with_property({"$ref": "#/$defs/x"}, **{"$defs": {"x": {"$ref": "#/$defs/y"}, "y": {"anyOf": [{"$ref": "#/$defs/x"}]}}}),
        with_property({"not": {"$ref": "#/properties/a"}}),
        with_property({"if": {"$dynamicRef": "#me"}}, **{"$defs": {"x": {"$dynamicAnchor": "me", "not": {"$dynamicRef": "#me"}}}}),
        double(20),
        double(60),
    ],
)
def test_subschemas_must_not_refer_to_themselves_or_combine_without_limit(schema: dict[str, Any]) -> None:
    ((_, message),) = find(schema)

    assert "refer to themselves" in message


@pytest.mark.parametrize(
    "child",
    [
        {"$ref": "#"},
        {"type": "array", "items": {"$ref": "#/properties/a"}},
        {"properties": {"left": {"$ref": "#/properties/a"}, "right": {"$ref": "#/properties/a"}}},
        {"additionalProperties": {"$ref": "#/$defs/x"}},
        {"anyOf": [{"type": "null"}, {"properties": {"next": {"$ref": "#/properties/a"}}}]},
        {"prefixItems": [{"type": "string"}, {"$ref": "#x"}]},
    ],
)
def test_a_recursive_schema_is_accepted(child: dict[str, Any]) -> None:
    assert find(with_property(child, **{"$defs": {"x": {"$anchor": "x", "items": {"$ref": "#/$defs/x"}}}})) == []


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"properties": {f"p{i}": {} for i in range(1_001)}}, "at most 1,000 subschemas"),
        ({"properties": {"a": {"enum": [str(i) for i in range(1_001)]}}}, "at most 1,000 defaults, examples and values of enum"),
        ({"properties": {"a": {"description": "x" * 300_000}}}, "at most 256 KiB"),
        ({"patternProperties": {f"^{i}": True for i in range(201)}}, "at most 200 patterns"),
        (
            with_property({"$ref": "#/$defs/t"}, **{"$defs": {"t": {"default": {}, "properties": {"c": {"$ref": "#/$defs/t"}}}}}),
            "defaults contain themselves",
        ),
        (with_property({"pattern": r"(?!x)(?:a|aa)+$", "default": "a" * 100_000}), "too large to check"),
    ],
)
def test_a_schema_that_takes_too_much_work_is_refused(schema: dict[str, Any], message: str) -> None:
    assert message in find(schema)[0][1]


@pytest.mark.parametrize("uri", ["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2020-12/schema"])
def test_the_schema_may_name_its_dialect_and_its_id(uri: str) -> None:
    schema = with_property({"$ref": "#/$defs/b", "default": 1}, **{"$defs": {"b": {"type": "integer"}}})

    assert find({"$schema": uri, "$id": "https://example.com/parameters", **schema}) == []
