"""The port and the password of the Prefect server that `headgate up` runs. The home folder keeps them, so that links stay valid."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from adapters.secret_file import read_or_create_secret
from adapters.system.network import explain_port_problem, find_free_port

_MAX_PORT = 65_535


def choose_port(home: Path) -> int:
    """Return the port of the last start, or another one if it is not free. Store it in the home folder."""
    port = read_port(home)
    if port is None or explain_port_problem("127.0.0.1", port) is not None:
        port = find_free_port()
        draft = _get_path(home).with_name(f"prefect-port.{os.getpid()}")
        draft.write_text(f"{port}\n", encoding="ascii")
        draft.replace(_get_path(home))
    return port


def read_port(home: Path) -> int | None:
    """Return the port of the last start; None before the first one."""
    with contextlib.suppress(OSError, ValueError):
        port = int(_get_path(home).read_text(encoding="ascii"))
        return port if 0 < port <= _MAX_PORT else None
    return None


def read_auth_string(home: Path) -> str:
    """Return the server's auth string, `user:password`. Create the password on first use."""
    return f"headgate:{read_or_create_secret(home / 'prefect-password')}"


def _get_path(home: Path) -> Path:
    return home / "prefect-port"
