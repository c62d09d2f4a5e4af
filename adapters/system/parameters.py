"""JSON Schema by the jsonschema package."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError

from domain.errors import FieldProblem


class JsonSchemas:
    """Draft 2020-12. A schema that reaches outside itself ($ref to an address) is refused: nothing is fetched."""

    def problems_of_schema(self, schema: Mapping[str, Any]) -> Sequence[FieldProblem]:
        if schema.get("type", "object") != "object":
            return [FieldProblem("parameters.type", "a run's parameters are an object")]
        if foreign := [ref for ref in _references(schema) if not ref.startswith("#")]:
            return [FieldProblem("parameters", f"a $ref may only point inside the schema, not to {foreign[0]:.100}")]
        try:
            Draft202012Validator.check_schema(dict(schema))
        except SchemaError as error:
            return [FieldProblem(_path("parameters", error), error.message[:300])]
        return []

    def problems_of(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Sequence[FieldProblem]:
        if schema is None:
            return [FieldProblem("parameters", "this pipeline takes no parameters")] if parameters else []
        errors = _validator(orjson.dumps(schema)).iter_errors(self.with_defaults(parameters, schema))
        return [FieldProblem(_path("parameters", error), error.message[:300]) for error in errors]

    def with_defaults(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
        properties = (schema or {}).get("properties", {})
        defaults = {name: part["default"] for name, part in properties.items() if isinstance(part, Mapping) and "default" in part}
        return {**defaults, **parameters}


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Draft202012Validator:
    return Draft202012Validator(orjson.loads(schema))


def _path(root: str, error: ValidationError | SchemaError) -> str:
    return root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)


def _references(part: Any) -> list[str]:
    if isinstance(part, Mapping):
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + [ref for value in part.values() for ref in _references(value)]
    if isinstance(part, list):
        return [ref for value in part for ref in _references(value)]
    return []
