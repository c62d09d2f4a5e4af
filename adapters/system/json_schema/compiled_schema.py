"""A schema that is ready to check parameters."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import orjson
from jsonschema_rs import Draft202012Validator, ReferencingError, Registry, ValidationError, ValidationErrorKind

from adapters.system.json_schema.check_cost import MAX_STEPS, CheckCost
from adapters.system.json_schema.defaults import Defaults
from adapters.system.json_schema.patterns import PATTERN_OPTIONS
from adapters.system.json_schema.schema_graph import SchemaGraph, format_path
from domain.errors import FieldProblem

_MAX_STEPS_FOR_ALL_PROBLEMS = 20_000
"""Listing all problems of such parameters takes about 20 ms at worst, and below 1 ms for a form with dozens of fields."""
_MAX_PROBLEMS = 100
_MAX_MESSAGE_LENGTH = 300
_NESTED_KINDS = ("anyOf", "oneOf", "propertyNames")
_TOO_MUCH_WORK = FieldProblem("parameters", "are too large for this schema: checking them would take too long")
_NO_MATCH = FieldProblem("parameters", "do not match the schema; they are too large to locate the difference")


class CompiledSchema:
    """Checks parameters in bounded work. Raise SchemaTooComplex, ValidationError or ReferencingError for a schema that cannot be used.

    `with_formats` is False if values may break a `format`, which JSON Schema leaves to the program that reads them.
    """

    def __init__(self, schema: Mapping[str, Any], *, with_formats: bool = True) -> None:
        self.graph = SchemaGraph(schema)
        self.cost = CheckCost(self.graph)
        self.defaults = Defaults(self.graph)
        self._validator = compile_schema(without_identity(schema), with_formats=with_formats)
        self._has_nested_errors = any(
            isinstance(node.schema, Mapping) and not node.schema.keys().isdisjoint(_NESTED_KINDS) for node in self.graph.nodes.values()
        )

    def can_check(self, parameters: Mapping[str, Any]) -> bool:
        """Return False if checking these parameters would take too long."""
        return self.cost.estimate(parameters) <= MAX_STEPS

    def find_problems(self, parameters: Mapping[str, Any]) -> list[FieldProblem]:
        """Return the problems: all of them, or the first one of large parameters, since each problem takes more than the check."""
        steps = self.cost.estimate(parameters)
        if steps > MAX_STEPS:
            return [_TOO_MUCH_WORK]
        if steps > _MAX_STEPS_FOR_ALL_PROBLEMS:
            if self._validator.is_valid(parameters):
                return []
            if self.cost.estimate_by_level(parameters) > _MAX_STEPS_FOR_ALL_PROBLEMS:
                return self._find_first_problem(parameters)
        return list_problems(self._validator.iter_errors(parameters))

    def _find_first_problem(self, parameters: Mapping[str, Any]) -> list[FieldProblem]:
        if self._has_nested_errors:
            return [_NO_MATCH]
        try:
            self._validator.validate(parameters)
        except ValidationError as error:
            return list_problems([error])
        return []


def compile_schema(schema: Mapping[str, Any], registry: Registry | None = None, *, with_formats: bool = True) -> Draft202012Validator:
    """Return a validator that fetches nothing. Unknown formats are ignored; a definition with one is refused before."""
    return Draft202012Validator(
        dict(schema),
        validate_formats=with_formats,
        pattern_options=PATTERN_OPTIONS,
        registry=registry,
        ignore_unknown_formats=True,
        offline=True,
    )


@lru_cache(maxsize=128)
def load_schema(schema: bytes, *, with_formats: bool = True) -> CompiledSchema:
    """Return the schema in JSON, compiled."""
    return CompiledSchema(orjson.loads(schema), with_formats=with_formats)


def without_identity(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema without `$schema` and `$id`: it is read as draft 2020-12, and its references stay within it."""
    return {key: value for key, value in schema.items() if key not in ("$schema", "$id")}


def list_problems(errors: Iterable[ValidationError]) -> list[FieldProblem]:
    found = [problem for error, _ in zip(errors, range(_MAX_PROBLEMS), strict=False) for problem in _to_field_problems(error)]
    return list(dict.fromkeys(found))


def _to_field_problems(error: ValidationError) -> list[FieldProblem]:
    """Return the problem at its path. What is missing or unknown is named by its own path, as a form shows it."""
    path = tuple(error.instance_path)
    match error.kind:
        case ValidationErrorKind.Required(property=name):
            return [FieldProblem(format_path((*path, name)), "is required")]
        case ValidationErrorKind.AdditionalProperties(unexpected=names):
            return [FieldProblem(format_path((*path, name)), "is an unknown key") for name in names]
    return [FieldProblem(format_path(path), describe_error(error))]


def describe_error(error: ValidationError | ReferencingError) -> str:
    """Return the message, shortened in its middle, where it quotes the value."""
    if isinstance(error, ValidationError) and isinstance(error.kind, ValidationErrorKind.BacktrackLimitExceeded):
        return "the pattern takes too long to check this text"
    message = error.message
    half = _MAX_MESSAGE_LENGTH // 2
    return message if len(message) <= _MAX_MESSAGE_LENGTH else f"{message[:half]} … {message[-half:]}"
