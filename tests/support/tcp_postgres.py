"""A PostgreSQL server as a system's package starts it: on TCP, with the superuser postgres and no databases of ours."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from adapters.persistence.embedded.cluster import SUPERUSER, build_server_arguments
from adapters.persistence.embedded.paths import load_or_create_password, prepare_server_paths
from adapters.persistence.embedded.server import DATABASE, PREFECT_DATABASE
from tests.support.clusters import Contents, copy_cluster
from tests.support.ports import find_free_port
from tests.support.waiting import wait_for

_HASTE: Final = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class TcpPostgres:
    port: int
    binaries: Path
    password: str

    def build_client_environment(self) -> dict[str, str]:
        """Return the variables with which PostgreSQL's programs connect as its superuser."""
        return {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGPASSWORD": self.password}


@contextmanager
def a_tcp_server(home: Path) -> Iterator[TcpPostgres]:
    """Start a server in this home; stop it at the end."""
    copy_cluster(Contents.NOTHING, home)
    paths = prepare_server_paths(home)
    server = TcpPostgres(find_free_port(), paths.binaries, load_or_create_password(paths))
    settings = _HASTE | {"listen_addresses": "127.0.0.1", "port": str(server.port)}
    with paths.log.open("ab") as log:
        process = paths.os_user.spawn(build_server_arguments(paths, settings), stdout=log.fileno())
    try:
        wait_for(lambda: _is_answering(server), 60, lambda: paths.log.read_text())
        _remove_own_objects(server)
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(20)


def _connect(server: TcpPostgres, user: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host="127.0.0.1", port=server.port, user=user, password=server.password, dbname="postgres", autocommit=True, connect_timeout=2
    )


def _is_answering(server: TcpPostgres) -> bool:
    try:
        _connect(server, SUPERUSER).close()
    except psycopg.OperationalError:
        return False
    return True


def _remove_own_objects(server: TcpPostgres) -> None:
    """Drop the databases of the cluster, and give its superuser's name free."""
    with _connect(server, SUPERUSER) as connection:
        connection.execute(sql.SQL("CREATE ROLE postgres SUPERUSER LOGIN PASSWORD {}").format(server.password))
    with _connect(server, "postgres") as connection:
        for name in (DATABASE, PREFECT_DATABASE):
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("ALTER ROLE {} RENAME TO bootstrap").format(sql.Identifier(SUPERUSER)))
