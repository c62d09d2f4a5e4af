"""A real Prefect server, started as `headgate up` starts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from adapters.orchestration.prefect_server import PrefectServer
from adapters.orchestration.server_health import wait_until_healthy
from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.ports import find_free_port
from tests.support.postgres import a_database
from tests.support.temporary_folders import a_temporary_folder


@dataclass(frozen=True, slots=True)
class RunningPrefect:
    api_url: str
    auth_string: str
    process: subprocess.Popen[bytes]

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop the server within the block: it accepts connections and answers nothing."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)


@contextlib.contextmanager
def a_prefect_server(postgres: EmbeddedPostgres) -> Iterator[RunningPrefect]:
    """Start a server on an empty database; end it with all its processes at the end."""
    with a_temporary_folder() as folder, a_database(postgres) as name:
        url = postgres.url(name).replace("+psycopg", "+asyncpg")
        server = PrefectServer(folder / "home", find_free_port(), url, "headgate:a-password")
        process = start(server)
        try:
            wait_until_started(server)
            yield RunningPrefect(server.api_url, server.auth_string, process)
        finally:
            end(process)


def start(server: PrefectServer) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own, so that its process group can be ended."""
    server.home.mkdir(parents=True, exist_ok=True)
    with (server.home / "server.log").open("wb") as log:
        return subprocess.Popen(server.argv(), env=server.environment(os.environ), stdout=log, stderr=log, start_new_session=True)


def wait_until_started(server: PrefectServer) -> None:
    """Wait until the server responds. Fail if it does not in time."""
    assert asyncio.run(wait_until_healthy(server.health_url)), "Prefect's server did not come up"


def end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
