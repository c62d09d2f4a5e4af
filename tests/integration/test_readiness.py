"""The readiness probe of a real web process, while its database refuses triggers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psycopg
import pytest

from adapters.persistence.connection.database_urls import libpq_url
from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.plain_http import NO_TLS
from tests.support.postgres import END_SESSIONS
from tests.support.waiting import wait_for
from tests.support.web_process import WebProcess, a_web

FULL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON run EXECUTE FUNCTION fail()
"""


@pytest.fixture(scope="module")
def web(postgres: EmbeddedPostgres) -> Iterator[WebProcess]:
    with a_web(postgres) as web:
        stages = [{"name": "a", "kind": "external"}]
        httpx.post(f"{web.url}/pipelines/", json={"name": "p", "stages": stages}, timeout=20, verify=NO_TLS).raise_for_status()
        yield web


@contextmanager
def a_session(web: WebProcess) -> Iterator[psycopg.Connection[tuple[str]]]:
    url = libpq_url(web.environment["HEADGATE_DATABASE_URL"])
    with psycopg.connect(url, autocommit=True, options="-c default_transaction_read_only=off") as connection:
        yield connection


def wait_for_status(web: WebProcess, status: int) -> httpx.Response:
    """Return the first answer of the probe with this status."""
    last: list[httpx.Response] = []

    def has_status() -> bool:
        last.append(httpx.get(f"{web.url}/readyz", timeout=20, verify=NO_TLS))
        return last[-1].status_code == status

    wait_for(has_status, 60, lambda: last[-1].text)
    return last[-1]


def trigger(web: WebProcess) -> httpx.Response:
    return httpx.post(f"{web.url}/trigger/p", timeout=20, verify=NO_TLS)


def test_a_read_only_database_is_named_until_it_takes_writes_again(web: WebProcess) -> None:
    wait_for_status(web, 200)
    with a_session(web) as session:
        name = session.info.dbname
        session.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')  # type: ignore[call-overload]
        session.execute(END_SESSIONS)
        try:
            refused = wait_for_status(web, 503)
            while refused.json()["reason"] == "database_down":  # its sessions have just ended
                refused = wait_for_status(web, 503)
            assert (refused.json()["reason"], refused.json()["detail"]) == (
                "database_read_only",
                "The database is read-only.",
            )
            assert trigger(web).status_code == 503
        finally:
            session.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')  # type: ignore[call-overload]
            session.execute(END_SESSIONS)
    wait_for_status(web, 200)


def test_a_full_database_is_named_once_a_trigger_was_refused(web: WebProcess) -> None:
    wait_for_status(web, 200)
    with a_session(web) as session:
        session.execute(FULL)
        try:
            assert trigger(web).status_code == 503
            refused = wait_for_status(web, 503)
        finally:
            session.execute("DROP FUNCTION fail CASCADE")

    assert (refused.json()["reason"], refused.json()["detail"]) == ("database_full", "The database has no space left.")
    assert trigger(web).status_code == 202
    wait_for_status(web, 200)


@pytest.mark.parametrize(("revision", "reason"), [("0001", "not_migrated"), ("ffffffffffff", "newer_schema")])
def test_a_schema_of_another_release_is_named(web: WebProcess, revision: str, reason: str) -> None:
    wait_for_status(web, 200)
    with a_session(web) as session:
        (newest,) = session.execute("SELECT version_num FROM alembic_version").fetchone() or ("",)
        session.execute("UPDATE alembic_version SET version_num = %s", [revision])
        try:
            refused = wait_for_status(web, 503)
        finally:
            session.execute("UPDATE alembic_version SET version_num = %s", [newest])

    assert refused.json()["reason"] == reason
    wait_for_status(web, 200)
