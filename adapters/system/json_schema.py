"""JSON Schema by the jsonschema package."""

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


class JsonSchemaValidator:
    """Draft 2020-12. A schema that reaches outside itself ($ref to an address) is refused: nothing is fetched."""

    def find_schema_problems(self, schema: Mapping[str, Any]) -> Sequence[FieldProblem]:
        if schema.get("type", "object") != "object":
            return [FieldProblem("parameters.type", "a run's parameters are an object")]
        if foreign := [ref for ref in _references(schema) if not ref.startswith("#")]:
            return [FieldProblem("parameters", f"a $ref may only point inside the schema, not to {foreign[0]:.100}")]
        try:
            Draft202012Validator.check_schema(dict(schema))
        except SchemaError as error:
            return [FieldProblem(_path("parameters", error), error.message[:300])]
        return _lost_references(schema)

    def find_problems(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Sequence[FieldProblem]:
        if schema is None:
            return [FieldProblem("parameters", "this pipeline takes no parameters")] if parameters else []
        try:
            errors = list(_validator(orjson.dumps(schema)).iter_errors(self.apply_defaults(parameters, schema)))
        except (Unresolvable, RecursionError):
            return [_LEADS_NOWHERE]
        return [FieldProblem(_path("parameters", error), error.message[:300]) for error in errors]

    def apply_defaults(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
        properties = (schema or {}).get("properties", {})
        defaults = {name: part["default"] for name, part in properties.items() if isinstance(part, Mapping) and "default" in part}
        return {**defaults, **parameters}


_LEADS_NOWHERE = FieldProblem("parameters", "a $ref of the pipeline's schema leads nowhere, or in a circle")


def _lost_references(schema: Mapping[str, Any]) -> list[FieldProblem]:
    """References that nothing stands at; and a circle that holds no value, found by checking an empty object."""
    resolver = Registry().resolver_with_root(Resource.from_contents(dict(schema), default_specification=DRAFT202012))
    try:
        for reference in _references(schema):
            resolver.lookup(reference)
        list(Draft202012Validator(dict(schema)).iter_errors({}))
    except (Unresolvable, RecursionError):
        return [_LEADS_NOWHERE]
    return []


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Draft202012Validator:
    return Draft202012Validator(orjson.loads(schema))


def _path(root: str, error: ValidationError | SchemaError) -> str:
    return root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)


def _references(part: Any) -> list[str]:
    if isinstance(part, Mapping):
        own = [part[key] for key in ("$ref", "$dynamicRef") if isinstance(part.get(key), str)]
        return own + [ref for value in part.values() for ref in _references(value)]
    if isinstance(part, list):
        return [ref for value in part for ref in _references(value)]
    return []
