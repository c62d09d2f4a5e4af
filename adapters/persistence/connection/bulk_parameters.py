"""Many rows as one parameter: a JSON array that PostgreSQL turns into rows, so that a statement's text never changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, TableValuedAlias, any_, bindparam, column, func
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.schema import Table
from sqlalchemy.types import BigInteger


def rows_from_json(parameter: str, table: Table, columns: Sequence[str]) -> TableValuedAlias:
    """The parameter's objects as rows of these columns of the table; a missing key or null is NULL.

    As JSON, which is read once here: to become JSONB first would cost as much again."""
    typed = (column(name, table.c[name].type) for name in columns)
    source = func.json_to_recordset(bindparam(parameter, type_=JSON))
    return source.table_valued(*typed).render_derived(name=parameter, with_types=True)


def is_any_of(key: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """The key is one of the parameter's list of 64-bit integers."""
    return key == any_(bindparam(parameter, type_=ARRAY(BigInteger)))


def filter_key_range(query: Select[Any], key: ColumnElement[int], above: int | None, below: int | None) -> Select[Any]:
    """The rows with a key above the one and below the other, each only if given: a place in a list that an index finds at once."""
    if above is not None:
        query = query.where(key > above)
    return query if below is None else query.where(key < below)


def is_storable_id(number: int) -> bool:
    return 0 < number < 2**63
