"""Processes that are started with damaged files, empty secrets or a database of another release end with one line and exit code 2."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest

from adapters.persistence.connection.database_urls import libpq_url
from tests.support.ended_commands import assert_one_line, run_forked_command
from tests.support.ports import find_free_port
from tests.support.running_headgate import UNREACHABLE


def start(command: str, home: Path, database_url: str = "postgresql://nobody@127.0.0.1:1/none", **more: str) -> tuple[int, str]:
    """Run a process until it ends and return its exit code and what it wrote to stderr."""
    settings = {
        "HEADGATE_HOME": str(home),
        "HEADGATE_PREFECT_API_URL": UNREACHABLE,
        "HEADGATE_DATABASE_URL": database_url,
        "HEADGATE_PORT": str(find_free_port()),
    }
    return run_forked_command(command, **(settings | more))


@pytest.mark.parametrize("command", ["web", "worker", "up"])
def test_a_damaged_secret_ends_the_start(tmp_path: Path, command: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"half of a sec")
    secret.chmod(0o600)

    assert_one_line(start(command, tmp_path), str(secret), "must contain one secret")


@pytest.mark.parametrize("variable", ["HEADGATE_SECRET", "HEADGATE_WORKER_TOKEN", "HEADGATE_OIDC_CLIENT_SECRET"])
@pytest.mark.parametrize("value", ["", "  ", "short"])
def test_an_empty_or_short_secret_ends_the_start(tmp_path: Path, variable: str, value: str) -> None:
    assert_one_line(start("web", tmp_path, **{variable: value}), variable)


def test_a_database_that_is_not_migrated_ends_the_web(tmp_path: Path, empty_database_url: str) -> None:
    assert_one_line(start("web", tmp_path, empty_database_url), "is not migrated", "headgate migrate")


@pytest.mark.parametrize("command", ["web", "migrate"])
def test_a_database_of_a_newer_release_ends_the_start(tmp_path: Path, database_url: str, command: str) -> None:
    with psycopg.connect(libpq_url(database_url), autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffff'")

    assert_one_line(start(command, tmp_path, database_url), "newer release")


@pytest.mark.parametrize("command", ["web", "up"])
def test_a_port_in_use_ends_the_start(tmp_path: Path, command: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])

        assert_one_line(start(command, tmp_path, HEADGATE_PORT=port), f"Port {port} on 127.0.0.1 is in use")
