"""A subset of JSON Schema: type, required, minimum, maximum, enum and default of top-level properties."""

from collections.abc import Mapping, Sequence
from typing import Any

from domain.errors import FieldProblem

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class FakeParameterSchemas:
    """Rejects unknown rules, so that no test passes because a rule was ignored."""

    def find_schema_problems(self, schema: Mapping[str, Any]) -> Sequence[FieldProblem]:
        problems = []
        if schema.get("type", "object") != "object":
            problems.append(FieldProblem("parameters.type", "is object"))
        for name, rule in _properties(schema).items():
            if not isinstance(rule, Mapping) or rule.get("type", "object") not in _TYPES:
                problems.append(FieldProblem(f"parameters.properties.{name}.type", "is a type of JSON Schema"))
        return problems

    def find_problems(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Sequence[FieldProblem]:
        if schema is None:
            return [FieldProblem("parameters", "this pipeline takes none")] if parameters else []
        return _find_problems(self.apply_defaults(parameters, schema), schema)

    def find_foreign_problems(self, values: Mapping[str, Any], schema: Mapping[str, Any]) -> Sequence[FieldProblem] | None:
        return None if self.find_schema_problems(schema) else _find_problems(values, schema)

    def apply_defaults(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
        defaults = {name: rule["default"] for name, rule in _properties(schema or {}).items() if "default" in rule}
        return {**defaults, **parameters}


def _find_problems(parameters: Mapping[str, Any], schema: Mapping[str, Any]) -> Sequence[FieldProblem]:
    missing = [name for name in schema.get("required", ()) if name not in parameters]
    problems = [FieldProblem(f"parameters.{name}", "is required") for name in missing]
    properties = _properties(schema)
    for name, value in parameters.items():
        if name not in properties:
            if schema.get("additionalProperties") is False:
                problems.append(FieldProblem(f"parameters.{name}", "is not a parameter"))
            continue
        problem = _find_problem(value, properties[name])
        if problem:
            problems.append(FieldProblem(f"parameters.{name}", problem))
    return problems


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties", {})
    return properties if isinstance(properties, Mapping) else {}


def _find_problem(value: Any, rule: Mapping[str, Any]) -> str | None:
    expected_type = rule.get("type")
    if expected_type and (not isinstance(value, _TYPES[expected_type]) or (isinstance(value, bool) and expected_type != "boolean")):
        return f"is of type {expected_type}"
    if "minimum" in rule and value < rule["minimum"]:
        return f"is at least {rule['minimum']}"
    if "maximum" in rule and value > rule["maximum"]:
        return f"is at most {rule['maximum']}"
    if "enum" in rule and value not in rule["enum"]:
        return "is one of those listed"
    return None
