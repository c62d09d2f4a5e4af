"""Statements that are asked thousands of times a second, compiled once: text and values as psycopg takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import psycopg
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql.elements import ClauseElement

_DIALECT: Final[Any] = PGDialect_psycopg(dbapi=psycopg)  # type: ignore[no-untyped-call]


class CompiledStatement:
    """One statement of SQLAlchemy's, in which nothing changes but values. It may not have a list that expands."""

    def __init__(self, statement: ClauseElement) -> None:
        compiled: Any = statement.compile(dialect=_DIALECT)
        self.text = str(compiled)
        self._defaults: Mapping[str, Any] = compiled.params
        self._makers: list[tuple[str, Callable[[Any], Any]]] = list(compiled._bind_processors.items())

    def values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """All the statement's values; KeyError for one that it does not have."""
        if unknown := parameters.keys() - self._defaults.keys():
            raise KeyError(f"the statement has no {', '.join(sorted(unknown))}")
        values = {**self._defaults, **parameters}
        for name, make in self._makers:
            values[name] = make(values[name])
        return values


BoundStatement = tuple[CompiledStatement, Mapping[str, Any]]
"""A statement with its values."""
