"""Migrates a database's schema. Any number of processes may try at the same time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from adapters.persistence.connection.database_urls import sqlalchemy_url
from adapters.persistence.schema_state import SchemaMismatch, SchemaState, describe_schema_problem, get_schema_state
from domain.errors import Unavailable

PROJECT = Path(__file__).resolve().parents[2]
LOCK_KEY = 0x68656164_67617465
"""The advisory lock of the migrating process: 'headgate' in ASCII."""
LOCK_TIMEOUT = "800ms"
MAX_WAIT_SECONDS = 60.0


def upgrade(url: str, revision: str = "head") -> None:
    """Migrate up to `revision`. Blocking. Raise Unavailable if the database does not respond or stays locked for a minute."""
    _migrate(url, lambda config: command.upgrade(config, revision))


def downgrade(url: str, revision: str) -> None:
    """Migrate down to `revision` (`base` for an empty database). Blocking. Raise Unavailable as `upgrade` does."""
    _migrate(url, lambda config: command.downgrade(config, revision))


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
                raise Unavailable("Another process is still migrating the database.")
            time.sleep(0.1)
        connection.commit()
        yield connection  # closing the session releases the lock


if __name__ == "__main__":
    try:
        upgrade(sys.stdin.read())
    except Unavailable as error:
        sys.exit(" ".join(str(error).split()))
