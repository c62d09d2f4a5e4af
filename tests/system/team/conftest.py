"""A site with a PostgreSQL server and three machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.first_runs.wheel import build
from tests.support.certificates import make_certificate
from tests.support.tcp_postgres import TcpPostgres, a_tcp_server
from tests.support.temporary_folders import a_temporary_folder
from tests.system.team.machines import Addresses, Machine, choose_addresses


@dataclass(frozen=True, slots=True)
class Site:
    """The machines of the page. `certificate` is that of the public name, with its authority."""

    server: Machine
    workers: tuple[Machine, Machine]
    addresses: Addresses
    postgres: TcpPostgres
    certificate: Path

    @property
    def machines(self) -> tuple[Machine, ...]:
        return (self.server, *self.workers)


@pytest.fixture
def site() -> Iterator[Site]:
    """Three machines on which nothing is installed. Each worker's machine has one core."""
    with a_temporary_folder("hg-team-") as folder, a_tcp_server(folder / "postgres") as postgres:
        certificate, _ = make_certificate(folder, "localhost")
        addresses = choose_addresses(postgres)
        trust = {"SSL_CERT_FILE": str(certificate), "CURL_CA_BUNDLE": str(certificate), "NO_PROXY": "127.0.0.1,localhost"}
        server = Machine("server", folder, addresses, postgres, trust)
        workers = [
            Machine(name, folder, addresses, postgres, trust | {"HEADGATE_WORKER_NAME": name, "HEADGATE_WORKER_SLOTS": "1"})
            for name in ("worker-1", "worker-2")
        ]
        build("wheel", server.shell.folder)
        found = Site(server, (workers[0], workers[1]), addresses, postgres, certificate)
        try:
            yield found
        finally:
            for machine in found.machines:
                machine.end()
                print(*machine.describe(), sep="\n")
