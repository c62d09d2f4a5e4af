"""Many rows or ids as one parameter, so that a statement's text never changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, TableValuedAlias, any_, bindparam, column, func
from sqlalchemy.dialects.postgresql import ARRAY, JSON
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.schema import Table
from sqlalchemy.types import BigInteger


def rows_from_json(parameter: str, table: Table, columns: Sequence[str]) -> TableValuedAlias:
    """Return the parameter's JSON objects as rows with these columns of the table. A missing key is NULL.

    The type is `json`, since PostgreSQL reads the value once: to convert it to `jsonb` first costs as much again.
    """
    typed_columns = (column(name, table.c[name].type) for name in columns)
    source = func.json_to_recordset(bindparam(parameter, type_=JSON))
    return source.table_valued(*typed_columns).render_derived(name=parameter, with_types=True)


def to_row(record: object, columns: Sequence[str]) -> dict[str, Any]:
    """Return these attributes of the record, without copying their values as `dataclasses.asdict` does."""
    return {name: getattr(record, name) for name in columns}


def is_any_of(key: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Return the condition that the key is in the parameter, a list of 64-bit integers."""
    return key == any_(bindparam(parameter, type_=ARRAY(BigInteger)))


def filter_key_range(query: Select[Any], key: ColumnElement[int], above: int | None, below: int | None) -> Select[Any]:
    """Restrict the query to keys above and below these values, which are not included. None means no bound."""
    if above is not None:
        query = query.where(key > above)
    return query if below is None else query.where(key < below)


def is_storable_id(number: int) -> bool:
    """Return True if a BIGINT identity column can hold this id."""
    return 0 < number < 2**63
