"""What a form shows of a schema is what the check and the defaults of a run do with it."""

from typing import Any

import pytest

from adapters.system.json_schema.validator import JsonSchemaValidator
from entrypoints.parameters.field_schema import list_properties, list_required

DEFAULTS: dict[str, dict[str, Any]] = {
    "its own": {"properties": {"x": {"default": 1, "$ref": "#/$defs/a"}}},
    "behind a reference": {"properties": {"x": {"$ref": "#/$defs/a"}}},
    "behind two references": {"properties": {"x": {"$ref": "#/$defs/b"}}},
    "behind an anchor": {"properties": {"x": {"$ref": "#named"}}},
    "behind allOf": {"properties": {"x": {"allOf": [{"type": "integer"}, {"default": 4}]}}},
    "the nearest of two": {"properties": {"x": {"allOf": [{"$ref": "#/$defs/a"}, {"default": 4}]}}},
    "allOf before a reference": {"properties": {"x": {"$ref": "#/$defs/a", "allOf": [{"default": 4}]}}},
    "none behind anyOf": {"properties": {"x": {"anyOf": [{"type": "string", "default": "s"}, {"type": "null"}]}}},
    "properties behind allOf": {"allOf": [{"properties": {"x": {"default": 5}}}], "properties": {"x": {"type": "integer"}}},
    "its own before allOf": {"allOf": [{"properties": {"x": {"default": 5}}}], "properties": {"x": {"default": 6}}},
    "properties behind a reference": {"$ref": "#/$defs/whole"},
    "a name with a slash": {"properties": {"x": {"$ref": "#/$defs/with~1slash"}}},
}
DEFINITIONS: dict[str, Any] = {
    "a": {"default": 2},
    "b": {"$ref": "#/$defs/a"},
    "c": {"$anchor": "named", "default": 3},
    "whole": {"properties": {"x": {"default": 7}}},
    "with/slash": {"default": 8},
}


@pytest.mark.parametrize("schema", DEFAULTS.values(), ids=DEFAULTS)
def test_the_default_that_is_shown_is_the_one_that_a_run_gets(schema: dict[str, Any]) -> None:
    schema = schema | {"$defs": DEFINITIONS}

    shown = {name: field.rule["default"] for name, field in list_properties(schema).items() if field.has_default}

    assert shown == JsonSchemaValidator().apply_defaults({}, schema)


def test_keywords_behind_references_are_found_though_a_schema_contains_itself() -> None:
    tree = {"type": "object", "title": "Tree", "properties": {"child": {"$ref": "#/$defs/tree"}}, "required": ["child"]}

    found = list_properties({"properties": {"x": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": tree}})["x"]

    assert (found.title, found.types) == ("Tree", {"object"})


def test_references_that_branch_at_every_level_are_followed_once() -> None:
    levels = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/a{i + 1}"}] * 4, "required": ["x"]} for i in range(14)}
    schema = {"$ref": "#/$defs/a0", "$defs": levels | {"a14": {"properties": {"x": {"type": "integer"}}}}}

    assert list_properties(schema)["x"].types == {"integer"}
    assert list_required(schema) == {"x"}
