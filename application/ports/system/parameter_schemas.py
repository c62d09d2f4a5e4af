"""Validation of parameters with JSON Schema."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from domain.errors import FieldProblem


class ParameterSchemas(Protocol):
    def find_schema_problems(self, schema: Mapping[str, Any]) -> Sequence[FieldProblem]:
        """Return the problems of a JSON Schema for an object. Each `field` begins with `parameters`."""
        ...

    def find_problems(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Sequence[FieldProblem]:
        """Return the problems of the parameters. Each `field` is a path such as `parameters.month`."""
        ...

    def find_foreign_problems(self, values: Mapping[str, Any], schema: Mapping[str, Any]) -> Sequence[FieldProblem] | None:
        """Return the problems of values whose schema another program wrote. Defaults are not filled in, and formats are not checked.

        Return None if the schema cannot be used, or if the check would take too long.
        """
        ...

    def apply_defaults(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """Return the parameters with the schema's top-level defaults for missing keys."""
        ...
