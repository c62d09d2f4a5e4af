"""JSON Schema validation with the jsonschema package."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from domain.errors import FieldProblem

_UNRESOLVABLE = FieldProblem("parameters", "a $ref in the pipeline's schema does not resolve, or refers to itself")
_MAX_MESSAGE_LENGTH = 300


class JsonSchemaValidator:
    """Validates parameters with JSON Schema draft 2020-12. A $ref to a URL is refused, so nothing is fetched."""

    def find_schema_problems(self, schema: Mapping[str, Any]) -> Sequence[FieldProblem]:
        if schema.get("type", "object") != "object":
            return [FieldProblem("parameters.type", "must be object")]
        if external := [ref for ref in _find_references(schema) if not ref.startswith("#")]:
            return [FieldProblem("parameters", f"a $ref must stay within the schema; {external[0]:.100} does not")]
        try:
            Draft202012Validator.check_schema(dict(schema))
        except SchemaError as error:
            return [FieldProblem(_format_path("parameters", error), error.message[:_MAX_MESSAGE_LENGTH])]
        return _find_unresolvable_references(schema)

    def find_problems(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Sequence[FieldProblem]:
        if schema is None:
            return [FieldProblem("parameters", "this pipeline takes no parameters")] if parameters else []
        try:
            errors = list(_get_validator(orjson.dumps(schema)).iter_errors(self.apply_defaults(parameters, schema)))
        except (Unresolvable, RecursionError):
            return [_UNRESOLVABLE]
        return [FieldProblem(_format_path("parameters", error), error.message[:_MAX_MESSAGE_LENGTH]) for error in errors]

    def apply_defaults(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
        properties = (schema or {}).get("properties", {})
        defaults = {name: rule["default"] for name, rule in properties.items() if isinstance(rule, Mapping) and "default" in rule}
        return {**defaults, **parameters}


def _find_unresolvable_references(schema: Mapping[str, Any]) -> list[FieldProblem]:
    """Return a problem if a reference does not resolve, or if references form a cycle. Validating an empty object finds cycles."""
    resolver = Registry().resolver_with_root(Resource.from_contents(dict(schema), default_specification=DRAFT202012))
    try:
        for reference in _find_references(schema):
            resolver.lookup(reference)
        list(Draft202012Validator(dict(schema)).iter_errors({}))
    except (Unresolvable, RecursionError):
        return [_UNRESOLVABLE]
    return []


@lru_cache(maxsize=256)
def _get_validator(schema: bytes) -> Draft202012Validator:
    return Draft202012Validator(orjson.loads(schema))


def _format_path(root: str, error: ValidationError | SchemaError) -> str:
    return root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)


def _find_references(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        own = [node[key] for key in ("$ref", "$dynamicRef") if isinstance(node.get(key), str)]
        return own + [reference for value in node.values() for reference in _find_references(value)]
    if isinstance(node, list):
        return [reference for value in node for reference in _find_references(value)]
    return []
