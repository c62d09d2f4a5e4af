"""Files of PostgreSQL servers that do not run, to start a server on a copy: creating and migrating them takes ten times as long."""

from __future__ import annotations

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cache
from pathlib import Path

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.shared_folder import find_shared_folder, get_own_folder
from tests.support.temporary_folders import a_temporary_folder


class Contents(StrEnum):
    """The contents of a cluster's databases."""

    NOTHING = "nothing"
    TABLES = "tables"
    """Headgate's tables; Prefect's database is empty."""
    PREFECT = "prefect"
    """The tables of both, and what a Prefect server adds to its own when it starts."""


@cache
def get_cluster(contents: Contents) -> Path:
    """Return the home of a server that does not run. The first process that asks creates it, with the settings used in production."""
    folder = find_shared_folder() or get_own_folder()
    home = folder / f"cluster-{contents}"
    with (folder / f"{contents}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            unfinished = folder / f"{contents}-unfinished"
            _CREATE[contents](unfinished)
            unfinished.rename(home)
    return home


def copy_cluster(contents: Contents, home: Path) -> None:
    """Copy the files, with their owners, to another home."""
    home.mkdir(mode=0o711, parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", get_cluster(contents) / "postgres", home / "postgres"], check=True)


def _create_empty(home: Path) -> None:
    with _a_server(home):
        pass


def _create_tables(home: Path) -> None:
    from adapters.persistence.migrate import upgrade

    copy_cluster(Contents.NOTHING, home)
    with _a_server(home) as server:
        upgrade(server.url())


def _create_prefect(home: Path) -> None:
    from adapters.orchestration.prefect_server import PrefectServer
    from tests.support.ports import find_free_port
    from tests.support.prefect_server import end, start, wait_until_started

    copy_cluster(Contents.TABLES, home)
    with _a_server(home) as server, a_temporary_folder() as folder:
        prefect = PrefectServer(folder, find_free_port(), server.prefect_url(), "headgate:a-password")
        process = start(prefect)
        try:
            wait_until_started(prefect)
        finally:
            end(process)


_CREATE = {Contents.NOTHING: _create_empty, Contents.TABLES: _create_tables, Contents.PREFECT: _create_prefect}


@contextmanager
def _a_server(home: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(home)
    try:
        server.start()
        yield server
    finally:
        server.stop()
