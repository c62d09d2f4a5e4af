"""Migrates a database's schema. Any number of processes may try at the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from adapters.persistence.connection.database_urls import sqlalchemy_url
from adapters.persistence.schema_state import SchemaMismatch, SchemaState, describe_schema_problem, get_schema_state
from domain.errors import Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

PROJECT = Path(__file__).resolve().parents[2]
LOCK_KEY = 0x68656164_67617465
"""The advisory lock of the migrating process: 'headgate' in ASCII."""
LOCK_TIMEOUT = "800ms"
MAX_WAIT_SECONDS = 60.0

Step = Callable[[Connection, SchemaState], None]
"""Changes the schema on a connection that holds the lock, given the schema's state."""


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to `revision`. Blocking. Raise Unavailable if the database does not respond or stays locked for a minute."""

    def step(connection: Connection, state: SchemaState) -> None:
        if state is SchemaState.CURRENT:
            return  # as at most starts; importing Alembic would take most of the time

        from alembic import command

        command.upgrade(_build_config(connection), revision)

    _migrate(url, step)


def downgrade(url: str, revision: str) -> None:
    """Migrate down to `revision` (`base` for an empty database). Blocking. Raise Unavailable as `upgrade` does."""

    def step(connection: Connection, _: SchemaState) -> None:
        from alembic import command

        command.downgrade(_build_config(connection), revision)

    _migrate(url, step)


def get_alembic_config() -> Config:
    from alembic.config import Config

    return Config(str(PROJECT / "alembic.ini"))


def _build_config(connection: Connection) -> Config:
    config = get_alembic_config()
    config.attributes["connection"] = connection
    return config


def _migrate(url: str, step: Step) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        try:
            with _migration_lock(url, deadline) as connection:
                state = get_schema_state(connection)
                if state is SchemaState.NEWER:
                    raise SchemaMismatch(describe_schema_problem(SchemaState.NEWER, connection.engine.url.database))
                connection.rollback()
                step(connection, state)
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
                raise Unavailable("Another process is still migrating the database.")
            time.sleep(0.1)
        connection.commit()
        yield connection  # closing the session releases the lock
