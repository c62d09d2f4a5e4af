"""Local TCP ports."""

from __future__ import annotations

import errno
import socket


def find_free_port() -> int:
    """Return a free port on loopback. Another process may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def explain_port_problem(host: str, port: int) -> str | None:
    """Return None if the port can be bound, else one line that says why not and what to do."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} on {host} is in use; stop the other program, or set HEADGATE_PORT."
        return f"Headgate cannot listen on {host}, port {port}: {error.strerror}; set HEADGATE_HOST or HEADGATE_PORT."
    return None
