"""`headgate user` and `headgate token` on a real database, and the database's protection of the audit log."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from typer.testing import CliRunner, Result

from adapters.identity.random_credentials import RandomCredentials
from adapters.persistence.connection.database_urls import libpq_url
from adapters.persistence.database import Database
from domain.access.audit import AuditAction
from entrypoints.cli.app import app

PASSWORD = "four words of mine"


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


def headgate(url: str, *words: str, stdin: str = "") -> Result:
    environment = {"HEADGATE_DATABASE_URL": url, "HEADGATE_PREFECT_API_URL": "http://127.0.0.1:9/api"}
    return CliRunner().invoke(app, list(words), env=environment, input=stdin)


def test_the_first_admin_is_created_in_the_terminal(url: str) -> None:
    empty = headgate(url, "user", "list")
    created = headgate(url, "user", "create", "Ada", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    listed = headgate(url, "user", "list")

    assert "headgate user create NAME --role admin" in empty.stdout
    assert created.stdout == "Created account ada (admin).\n", created.output
    assert listed.stdout.split() == ["ada", "admin", "active"]


def test_a_password_is_asked_for_twice_and_never_shown(url: str) -> None:
    created = headgate(url, "user", "create", "ada", stdin=f"{PASSWORD}\n{PASSWORD}\n")

    assert created.exit_code == 0
    assert PASSWORD not in created.output


@pytest.mark.parametrize(
    ("words", "stdin", "sentence"),
    [
        (("user", "create", "ada", "--password-stdin"), "short\n", "password: must have 12 to 200 characters"),
        (("user", "create", "a b", "--password-stdin"), PASSWORD + "\n", "name: must be 1 to 100 letters"),
        (("user", "role", "nobody", "admin"), "", "There is no account nobody."),
        (("token", "create", "ci"), "", "scopes: must name at least one of"),
        (("token", "create", "ci", "--reporter"), "", "a reporter token requires one pipeline and only the scope report"),
        (("token", "create", "ci", "--scope", "read", "--pipeline", "nothing"), "", "pipeline: does not exist"),
        (("token", "revoke", "99"), "", "There is no token 99."),
    ],
)
def test_a_refused_change_is_one_line_and_exit_code_2(url: str, words: tuple[str, ...], stdin: str, sentence: str) -> None:
    refused = headgate(url, *words, stdin=stdin)

    assert refused.exit_code == 2
    assert sentence in refused.stderr


def test_an_account_is_changed_disabled_and_enabled(url: str) -> None:
    headgate(url, "user", "create", "ada", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    last = headgate(url, "user", "disable", "ada")
    headgate(url, "user", "create", "eve", "--password-stdin", stdin=PASSWORD + "\n")

    assert last.exit_code == 2 and "ada is the last admin" in last.stderr
    assert headgate(url, "user", "role", "eve", "operator").stdout == "eve: operator, active.\n"
    assert headgate(url, "user", "disable", "eve").stdout == "eve: operator, disabled.\n"
    assert headgate(url, "user", "enable", "eve").stdout == "eve: operator, active.\n"
    assert "ended every session" in headgate(url, "user", "password", "eve", "--password-stdin", stdin="another four words\n").stdout


def test_a_token_is_printed_once_and_stored_as_a_digest(url: str) -> None:
    created = headgate(url, "token", "create", "ci", "--scope", "read", "--scope", "trigger", "--days", "30")
    text = created.stdout.strip()
    assert RandomCredentials().is_token(text), created.output

    listed = headgate(url, "token", "list")
    assert text not in listed.stdout and f"…{text[-4:]}" in listed.stdout and "read,trigger" in listed.stdout
    with psycopg.connect(libpq_url(url)) as connection:
        (row,) = connection.execute("SELECT row_to_json(api_token)::text FROM api_token").fetchall()
    assert text not in row[0]

    assert "Revoked token ci" in headgate(url, "token", "revoke", "1").stdout
    assert "revoked" in headgate(url, "token", "list").stdout


def test_changes_in_the_terminal_are_in_the_audit_log(url: str) -> None:
    headgate(url, "user", "create", "ada", "--password-stdin", stdin=PASSWORD + "\n")
    headgate(url, "token", "create", "ci", "--scope", "read")

    async def entries() -> list[tuple[AuditAction, str | None, bool]]:
        database = Database(url)
        try:
            async with database.open_unit_of_work() as work:
                return [(entry.action, entry.auth_method, "at the terminal" in (entry.actor or "")) for entry in await work.audit.page(9)]
        finally:
            await database.stop()

    assert asyncio.run(entries()) == [(AuditAction.TOKEN_CREATED, "terminal", True), (AuditAction.ACCOUNT_CREATED, "terminal", True)]


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'eve'", "DELETE FROM audit", "TRUNCATE audit"])
def test_audit_entries_cannot_be_changed_or_deleted(url: str, statement: str) -> None:
    headgate(url, "token", "create", "ci", "--scope", "read")

    with psycopg.connect(libpq_url(url), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
            connection.execute(statement)
        assert connection.execute("SELECT count(*) FROM audit").fetchone() == (1,)
