"""Make sure that one `headgate up` at a time uses a home folder, and that its port is free."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from adapters.system.network import explain_port_problem

_PORT_RELEASE_SECONDS = 12.0
"""After a supervisor was killed, its children notice that the pipe closed and need a moment to release the port."""


class StartError(Exception):
    """`headgate up` cannot start. The message is one line that says what to do."""


@contextlib.contextmanager
def hold_instance_lock(home: Path, host: str, port: int) -> Iterator[None]:
    """Lock the home folder and check that the port is free. Raise StartError if another process uses either."""
    with _open_lock_file(home) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise StartError(f"Headgate already runs with the home {home} (pid {owner}); stop it, or set HEADGATE_HOME.") from None
        was_killed_before = os.pread(lock, 1, 0) != b""
        _wait_for_port(host, port, _PORT_RELEASE_SECONDS if was_killed_before else 0.0)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(lock, 0)


@contextlib.contextmanager
def _open_lock_file(home: Path) -> Iterator[int]:
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor = os.open(home / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(f"The home {home} cannot be used: {error.strerror}; set HEADGATE_HOME to a folder you can write to.") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _wait_for_port(host: str, port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (problem := explain_port_problem(host, port)) is not None:
        if time.monotonic() >= deadline:
            raise StartError(problem)
        time.sleep(0.1)
