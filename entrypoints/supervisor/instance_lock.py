"""What `headgate up` must have to itself before it starts anything: its home and its port."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

# Children of an `up` that was killed outright see their pipe close and need a moment to give the port back.
_PORT_RELEASE_SECONDS = 12.0


class StartError(Exception):
    """`up` cannot start; the message is one line that says what to do."""


@contextlib.contextmanager
def hold_instance_lock(home: Path, host: str, port: int) -> Iterator[None]:
    """Hold the home and see that the port is free. Raises StartError, with nothing started, when another has either."""
    with _open_home(home) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise StartError(f"Headgate already runs with the home {home} (pid {other}); stop it, or set HEADGATE_HOME.") from None
        killed_before = os.pread(lock, 1, 0) != b""
        _wait_for_port(host, port, _PORT_RELEASE_SECONDS if killed_before else 0.0)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)


@contextlib.contextmanager
def _open_home(home: Path) -> Iterator[int]:
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor = os.open(home / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(f"The home {home} cannot be used: {error.strerror}; set HEADGATE_HOME to a folder of yours.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for_port(host: str, port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (problem := _port_problem(host, port)) is not None:
        if time.monotonic() >= deadline:
            raise StartError(problem)
        time.sleep(0.1)


def _port_problem(host: str, port: int) -> str | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} on {host} is taken; stop what uses it, or set HEADGATE_PORT."
        return f"Headgate cannot listen on {host}, port {port}: {error.strerror}; set HEADGATE_HOST or HEADGATE_PORT."
    return None
