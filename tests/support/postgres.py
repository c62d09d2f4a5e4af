"""Real PostgreSQL servers and databases for tests."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from adapters.persistence.connection.database_urls import libpq_url
from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.temporary_folders import a_temporary_folder

# Test data may be lost in a crash; every other setting is the one used in production.
_HASTE = {"fsync": "off", "full_page_writes": "off"}
_MIGRATED: Final = "migrated"
END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
"""Ends all other connections to the database."""


@contextmanager
def a_server() -> Iterator[EmbeddedPostgres]:
    """Start a server in a folder of its own; stop it and remove the folder at the end."""
    with a_temporary_folder() as folder, a_server_in(folder / "home") as server:
        yield server


@contextmanager
def a_server_in(home: Path) -> Iterator[EmbeddedPostgres]:
    """Start a server whose files are in this home; stop it at the end."""
    server = EmbeddedPostgres(home, _HASTE)
    try:
        server.start()
        _reduce_password_iterations(server)
        yield server
    finally:
        server.stop()


def _reduce_password_iterations(server: EmbeddedPostgres) -> None:
    """Store the password with one iteration of its hash: with 4,096, the default, a client needs 2 ms to connect."""
    with server.connection() as connection:
        connection.execute("SET scram_iterations = 1")
        password = sql.Literal(make_url(server.url()).password)
        connection.execute(sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {}").format(password))


def attach_to_server(home: Path) -> EmbeddedPostgres:
    """Return the server that another process started in this home. It is that process which stops it."""
    server = EmbeddedPostgres(home, _HASTE)
    server.start()
    return server


@functools.cache
def create_migrated_template(server: EmbeddedPostgres) -> str:
    """Return the name of a migrated database, which the first process that asks creates. It must have no connections while it is copied.

    A copy is much faster than a migration. The database is removed with the server.
    """
    from adapters.persistence.migrate import upgrade

    name = f"t_{secrets.token_hex(6)}"
    with server.connection() as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [_MIGRATED]).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            upgrade(server.url(name))
            connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(_MIGRATED)))
    return _MIGRATED


@contextmanager
def a_database(server: EmbeddedPostgres, template: str = "template1") -> Iterator[str]:
    """Create a copy of `template` and yield its name; drop it at the end, even if clients are still connected."""
    name = f"t_{secrets.token_hex(6)}"
    with server.connection() as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield name
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class ReusedDatabase:
    """A copy of `template` that tests use one after the other: emptying it takes a tenth of the time of copying it again."""

    _FILLED_BY_MIGRATIONS: Final = {"alembic_version", "installation"}
    # Emptying tables fires no triggers: those of constraints, and those that keep the audit log.
    _OPTIONS: Final = "-c session_replication_role=replica -c lock_timeout=5s"

    def __init__(self, server: EmbeddedPostgres, template: str) -> None:
        self._server, self._template = server, template
        self._current = ExitStack()
        self._copy()

    def empty(self) -> None:
        """End all other connections, delete what tests have stored, and begin ids with 1 again."""
        self._connection.execute(END_SESSIONS)
        if self._list_tables() != self._tables:  # partitions were added or removed
            self.drop()
            self._copy()
            return
        emptied = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in self._tables - self._FILLED_BY_MIGRATIONS]
        self._connection.execute(sql.SQL("; ").join(emptied))
        self._connection.execute("SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence")

    def drop(self) -> None:
        self._current.close()

    def _copy(self) -> None:
        self.url = self._server.url(self._current.enter_context(a_database(self._server, self._template)))
        connection = psycopg.connect(libpq_url(self.url), autocommit=True, options=self._OPTIONS)
        self._connection = self._current.enter_context(connection)
        self._tables = self._list_tables()

    def _list_tables(self) -> set[str]:
        rows = self._connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
        return {name for (name,) in rows}
