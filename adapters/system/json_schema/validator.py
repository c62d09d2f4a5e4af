"""JSON Schema validation with the jsonschema-rs package."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from jsonschema_rs import ReferencingError, ValidationError

from adapters.system.json_schema import definition_checks
from adapters.system.json_schema.check_cost import SchemaTooComplex
from adapters.system.json_schema.compiled_schema import CompiledSchema, load_schema
from adapters.system.json_schema.defaults import DefaultsTooLarge
from domain.errors import FieldProblem

_UNUSABLE = FieldProblem("parameters", "the pipeline's schema is no longer valid; save the pipeline again to see why")
_TOO_MANY_DEFAULTS = FieldProblem("parameters", "the schema's defaults would add too many values")


class JsonSchemaValidator:
    """Validates parameters with JSON Schema draft 2020-12. A $ref to a URL is refused, so nothing is fetched."""

    def find_schema_problems(self, schema: Mapping[str, Any]) -> Sequence[FieldProblem]:
        return definition_checks.find_schema_problems(schema)

    def find_problems(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Sequence[FieldProblem]:
        if schema is None:
            return [FieldProblem("parameters", "this pipeline takes no parameters")] if parameters else []
        compiled = _load(schema)
        if compiled is None:
            return [_UNUSABLE]
        try:
            return compiled.find_problems(compiled.defaults.apply(parameters))
        except DefaultsTooLarge:
            return [_TOO_MANY_DEFAULTS]

    def find_foreign_problems(self, values: Mapping[str, Any], schema: Mapping[str, Any]) -> Sequence[FieldProblem] | None:
        compiled = _load(schema, with_formats=False)
        return compiled.find_problems(values) if compiled is not None and compiled.can_check(values) else None

    def apply_defaults(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
        compiled = _load(schema) if schema else None
        try:
            filled: Mapping[str, Any] = compiled.defaults.apply(dict(parameters)) if compiled is not None else parameters
        except DefaultsTooLarge:
            return parameters
        return filled


def _load(schema: Mapping[str, Any], *, with_formats: bool = True) -> CompiledSchema | None:
    """Return the schema, or None for one that cannot be used, such as one of an earlier release that is refused today."""
    try:
        return load_schema(orjson.dumps(schema), with_formats=with_formats)
    except (ValidationError, ReferencingError, SchemaTooComplex):
        return None
