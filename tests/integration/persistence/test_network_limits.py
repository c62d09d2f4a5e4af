"""A connection whose network loses everything is given up in seconds, not in the quarter of an hour after which Linux does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.chaos.relay import Relay
from tests.integration.persistence.database_helpers import a_started_database

MAX_SECONDS = 20


@pytest.fixture
def relay(postgres: EmbeddedPostgres) -> Iterator[Relay]:
    assert postgres.paths is not None
    relay = Relay(postgres.paths.socket)
    try:
        yield relay
    finally:
        relay.stop()


async def test_every_connection_over_a_network_is_given_up_in_seconds(database_url: str, relay: Relay) -> None:
    url = make_url(database_url).set(host="127.0.0.1", port=relay.port, query={})

    async with a_started_database(url.render_as_string(hide_password=False)) as database:
        assert await database.reader.board() == []
        connections = list(find_connections(relay.port))
        unanswered = [each.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) / 1_000 for each in connections]
        silent = [sum(each.getsockopt(socket.IPPROTO_TCP, option) * times for option, times in PROBES.items()) for each in connections]
        for connection in connections:
            connection.close()

    assert len(connections) >= 2, "the pool and the listener have one each"
    assert all(0 < seconds <= MAX_SECONDS for seconds in (*unanswered, *silent))


PROBES = {socket.TCP_KEEPIDLE: 1, socket.TCP_KEEPINTVL: 2}


def find_connections(port: int) -> Iterator[socket.socket]:
    """Duplicate the sockets of this process that are connected to the port."""
    for link in Path("/proc/self/fd").iterdir():
        try:
            is_socket = str(link.readlink()).startswith("socket:")
            found = socket.socket(fileno=os.dup(int(link.name))) if is_socket else None
        except OSError:
            continue
        if found is None:
            continue
        if found.family == socket.AF_INET and is_connected_to(found, port):
            yield found
        else:
            found.close()


def is_connected_to(connection: socket.socket, port: int) -> bool:
    try:
        return bool(connection.getpeername()[1] == port)
    except OSError:
        return False
