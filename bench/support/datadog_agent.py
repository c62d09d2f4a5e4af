"""A stand-in for Datadog's agent: it accepts spans and discards metrics, at as little cost as possible."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from threading import Thread


@contextlib.contextmanager
def run_datadog() -> Iterator[dict[str, str]]:
    """Yield the environment of a process that sends traces and metrics to a stand-in agent."""
    with run_statsd_listener() as port, run_agent(answers=True) as url:
        yield {
            "HEADGATE_TELEMETRY": "auto",
            "DD_TRACE_AGENT_URL": url,
            "DD_DOGSTATSD_URL": f"udp://127.0.0.1:{port}",
            "DD_ENV": "bench",
            "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
            "DD_REMOTE_CONFIGURATION_ENABLED": "false",
        }


@contextlib.contextmanager
def run_statsd_listener() -> Iterator[int]:
    """Yield the UDP port of a listener that discards metrics."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


@contextlib.contextmanager
def run_agent(answers: bool) -> Iterator[str]:
    """Yield the URL of an agent that accepts spans. It acknowledges them only if `answers`."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        if answers:
            Thread(target=_accept_connections, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _accept_connections(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            Thread(target=_serve_connection, args=(connection,), daemon=True).start()


def _serve_connection(connection: socket.socket) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with connection, contextlib.suppress(OSError, ValueError):
        source = connection.makefile("rb")
        while source.readline():
            length = 0
            while (header := source.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            source.read(length)
            connection.sendall(answer)
