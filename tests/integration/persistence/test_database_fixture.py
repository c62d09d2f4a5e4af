"""The database that tests are given."""

from __future__ import annotations

import psycopg


def test_each_test_gets_an_empty_database_of_its_own(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    assert found == (0,)
