"""Real PostgreSQL servers and databases for tests."""

from __future__ import annotations

import functools
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql
from sqlalchemy import make_url

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.temporary_folders import a_temporary_folder

# Test data may be lost in a crash; every other setting is the one used in production.
_HASTE = {"fsync": "off", "full_page_writes": "off"}


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


def create_cluster(home: Path, *, is_migrated: bool = False) -> None:
    """Create the files of a server in this home, with the settings used in production. Its database is empty, or migrated."""
    from adapters.persistence.migrate import upgrade

    server = EmbeddedPostgres(home)
    try:
        server.start()
        if is_migrated:
            upgrade(server.url())
    finally:
        server.stop()


def copy_cluster(source: Path, home: Path) -> None:
    """Copy the files of a stopped server from one home to another, with their owners: creating a cluster takes much longer."""
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", source / "postgres", home / "postgres"], check=True)


def attach_to_server(home: Path) -> EmbeddedPostgres:
    """Return the server that another process started in this home. It is that process which stops it."""
    server = EmbeddedPostgres(home, _HASTE)
    server.start()
    return server


@functools.cache
def create_migrated_template(server: EmbeddedPostgres) -> str:
    """Create a migrated database at the first call, and return its name. It must have no connections while it is copied.

    A copy is much faster than a migration. The database is removed with the server.
    """
    from adapters.persistence.migrate import upgrade

    name = f"migrated_{secrets.token_hex(6)}"
    with server.connection() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    upgrade(server.url(name))
    return name


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
