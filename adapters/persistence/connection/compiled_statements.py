"""Statements that run thousands of times a second, compiled once to the text and parameters that psycopg takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from psycopg.types.json import Json, Jsonb
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql.psycopg import dialect
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import JSON

from adapters.persistence.connection.json_codec import dump_json

_DIALECT: Final[Any] = dialect()  # type: ignore[no-untyped-call]


class CompiledStatement:
    """A SQLAlchemy statement of which only parameter values change. It must not contain an IN list, which expands."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT)
        self.text: str = compiled.string
        self._defaults: Mapping[str, Any] = compiled.params
        self._json_parameters = {
            name: Jsonb if isinstance(parameter.type, JSONB) else Json
            for name, parameter in compiled.binds.items()
            if isinstance(parameter.type, JSON)
        }

    def bind(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a value for every parameter. Raise KeyError for a name that the statement does not have."""
        if unknown := values.keys() - self._defaults.keys():
            raise KeyError(f"the statement has no parameter {', '.join(sorted(unknown))}")
        bound = {**self._defaults, **values}
        for name, wrap in self._json_parameters.items():
            bound[name] = wrap(bound[name], dumps=dump_json)
        return bound


BoundStatement = tuple[CompiledStatement, Mapping[str, Any]]
"""A statement and the values of its parameters."""
