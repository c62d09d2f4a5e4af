"""What every test may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.postgres import a_database, a_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A real PostgreSQL, one for the whole session, made only when a test asks for it."""
    with a_server() as server:
        yield server


@pytest.fixture
def database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The address (`postgresql+psycopg://…`) of a fresh, empty database; dropped after the test."""
    with a_database(postgres) as name:
        yield postgres.url(name)
