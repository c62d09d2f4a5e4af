"""One real PostgreSQL for a test session, and a fresh empty database for each test that asks."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg import sql

from adapters.persistence.embedded.server import EmbeddedPostgres

# A test's data need not outlive the machine; everything else is as in use.
_HASTE = {"fsync": "off", "full_page_writes": "off"}


@contextmanager
def a_temporary_folder() -> Iterator[Path]:
    """A short path that a server user can reach, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def a_server() -> Iterator[EmbeddedPostgres]:
    """A started server in a folder of its own; stopped and removed at the end."""
    with a_temporary_folder() as folder:
        server = EmbeddedPostgres(folder / "home", _HASTE)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def a_database(server: EmbeddedPostgres, template: str = "template1") -> Iterator[str]:
    """The name of a new database like `template`; dropped at the end, whoever is still connected."""
    name = f"t_{secrets.token_hex(6)}"
    with server.connection() as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        try:
            yield name
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
