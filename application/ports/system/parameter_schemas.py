"""JSON Schema, as a dependency."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from domain.errors import FieldProblem


class ParameterSchemas(Protocol):
    def find_schema_problems(self, schema: Mapping[str, Any]) -> Sequence[FieldProblem]:
        """What keeps this from being a JSON Schema of an object; `field` begins with `parameters`."""
        ...

    def find_problems(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Sequence[FieldProblem]:
        """What of the parameters breaks the schema; `field` is a path such as `parameters.month`."""
        ...

    def apply_defaults(self, parameters: Mapping[str, Any], schema: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The parameters with the schema's top-level defaults filled in where a key is missing."""
        ...
