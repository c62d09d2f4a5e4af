"""Compares a database's schema with the newest one that this code knows.

It reads the names of the migrations' files. Loading Alembic would cost each web process 10 MB and a tenth of its start.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from adapters.persistence.connection.database_urls import sqlalchemy_url
from domain.errors import Unavailable

_MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "alembic" / "versions"
_HAS_VERSION = text("SELECT to_regclass('alembic_version') IS NOT NULL")
_VERSION = text("SELECT version_num FROM alembic_version")


class SchemaState(StrEnum):
    """How a database's schema compares with the newest one that this code knows."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"


class SchemaMismatch(Unavailable):
    """The database's schema does not fit this code."""


def get_schema_state(connection: Connection) -> SchemaState:
    """Return NEWER for a revision that this code does not know, OLDER for an older one or none."""
    known = get_known_revisions()
    found = set(connection.scalars(_VERSION)) if connection.scalar(_HAS_VERSION) else set()
    if not found.issubset(known):
        return SchemaState.NEWER
    return SchemaState.CURRENT if found == {known[-1]} else SchemaState.OLDER


def check_schema(url: str) -> None:
    """Raise SchemaMismatch unless the database has the newest schema of this code. A database that does not respond passes."""
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool, connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            state = get_schema_state(connection)
    except OperationalError:
        return
    if state is not SchemaState.CURRENT:
        raise SchemaMismatch(describe_schema_problem(state, engine.url.database))


def describe_schema_problem(state: SchemaState, database: str | None) -> str:
    """Return what to do about an older or a newer schema, in one line."""
    if state is SchemaState.NEWER:
        return f"The database {database} was migrated by a newer release of Headgate: install that release, or restore a backup."
    return f"The database {database} is not migrated: run `headgate migrate`."


@lru_cache(maxsize=1)
def get_known_revisions() -> tuple[str, ...]:
    """Return the revisions in the order of the migrations. A migration's file is named after its revision, as `0001_initial_schema.py`."""
    return tuple(sorted(path.name.partition("_")[0] for path in _MIGRATIONS.glob("*.py")))
