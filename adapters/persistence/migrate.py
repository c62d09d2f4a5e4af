"""Migrates a database's schema. Any number of processes may try at the same time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from adapters.persistence.connection.database_urls import sqlalchemy_url
from domain.errors import Unavailable

PROJECT = Path(__file__).resolve().parents[2]
LOCK_KEY = 0x68656164_67617465
"""The advisory lock of the migrating process: 'headgate' in ASCII."""
LOCK_TIMEOUT = "800ms"
MAX_WAIT_SECONDS = 60.0


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to `revision`. Blocking. Raise Unavailable if the database does not answer or stays locked for a minute."""
    _migrate(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str) -> None:
    """Migrate down to `revision` (`base` for an empty database). Blocking. Raise Unavailable as `upgrade` does."""
    _migrate(url, lambda config: command.downgrade(config, revision))


class SchemaState(StrEnum):
    """How a database's schema compares with the newest one that this code knows."""

    CURRENT = "current"
    OLDER = "older"
    NEWER = "newer"


def get_schema_state(connection: Connection) -> SchemaState:
    """Return NEWER for a revision that this code does not know, OLDER for an older one or none."""
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found - _get_known_revisions():
        return SchemaState.NEWER
    return SchemaState.CURRENT if found == get_head_revisions() else SchemaState.OLDER


def check_schema(url: str) -> None:
    """Raise SchemaMismatch unless the database has the newest schema of this code. A database that does not answer passes."""
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


class SchemaMismatch(Unavailable):
    """The database's schema does not fit this code."""


@lru_cache(maxsize=1)
def get_head_revisions() -> frozenset[str]:
    return frozenset(ScriptDirectory.from_config(get_alembic_config()).get_heads())


@lru_cache(maxsize=1)
def _get_known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(get_alembic_config()).walk_revisions())


def get_alembic_config() -> Config:
    return Config(str(PROJECT / "alembic.ini"))


def _migrate(url: str, step: Callable[[Config], None]) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        try:
            with _migration_lock(url, deadline) as connection:
                if get_schema_state(connection) is SchemaState.NEWER:
                    raise SchemaMismatch(describe_schema_problem(SchemaState.NEWER, connection.engine.url.database))
                connection.rollback()
                config = get_alembic_config()
                config.attributes["connection"] = connection
                step(config)
            return
        except OperationalError as error:
            # With a short lock timeout, a waiting migration does not block the queries that queue behind it.
            if not isinstance(error.orig, LockNotAvailable) or time.monotonic() > deadline:
                raise Unavailable(f"The database could not be migrated: {error.orig}".strip()) from error
            time.sleep(0.2)


@contextmanager
def _migration_lock(url: str, deadline: float) -> Iterator[Connection]:
    arguments: dict[str, Any] = {"connect_timeout": 5, "options": f"-c lock_timeout={LOCK_TIMEOUT} -c statement_timeout=0"}
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool, connect_args=arguments)
    with engine.connect() as connection:
        while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK_KEY}):
            connection.rollback()
            if time.monotonic() > deadline:
                raise Unavailable("Another process has been migrating the database for too long.")
            time.sleep(0.1)
        connection.commit()
        yield connection  # closing the session releases the lock


if __name__ == "__main__":
    try:
        upgrade(sys.stdin.read())
    except Unavailable as error:
        sys.exit(" ".join(str(error).split()))
