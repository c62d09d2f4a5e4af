"""Making a data directory, checking that it is of our version, and the settings it is served with."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from adapters.persistence.embedded_errors import EmbeddedServerError, from_output, no_space
from adapters.persistence.embedded_placement import PORT, Placement

SUPERUSER = "headgate"
_INITDB_SECONDS = 120.0

# For one machine that also runs the pipelines. Everything durable stays on.
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0777",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "maintenance_work_mem": "64MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%d ",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


def server_arguments(placement: Placement, overrides: Mapping[str, str]) -> list[str]:
    """The command line of the server: its settings live here and not in the data directory, so a new version brings its own."""
    settings = _SETTINGS | {"unix_socket_directories": str(placement.socket_dir)} | dict(overrides)
    arguments = [str(placement.binaries / "postgres"), "-D", str(placement.data)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    return arguments


def ensure_cluster(placement: Placement, secret: str) -> bool:
    """Make the data directory if there is none, whole or not at all; whether it was made.

    Raises EmbeddedServerError if one is there of another major version, or making it failed.
    """
    if placement.data.exists():
        _check_version(placement)
        return False
    try:
        _initdb(placement, secret)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise no_space(placement.root) from None
        raise EmbeddedServerError(f"The data directory {placement.data} cannot be made: {error}.") from None
    return True


def _initdb(placement: Placement, secret: str) -> None:
    # Built under another name and renamed: a start that was killed half way leaves nothing that looks like data.
    unfinished = placement.root / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    placement.identity.give(unfinished, 0o700)
    handover = placement.root / "password.initdb"
    handover.unlink(missing_ok=True)
    with os.fdopen(os.open(handover, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)
    placement.identity.give(handover, 0o600)
    try:
        code, output = placement.identity.run(_initdb_arguments(placement, unfinished, handover), timeout=_INITDB_SECONDS)
    finally:
        handover.unlink(missing_ok=True)
    if code != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise from_output(output, "make its data directory", placement.root)
    unfinished.rename(placement.data)


def _initdb_arguments(placement: Placement, folder: Path, handover: Path) -> list[str]:
    who = ["-U", SUPERUSER, f"--pwfile={handover}", "--auth=scram-sha-256"]
    # The builtin provider sorts the same on every system, so no library update can spoil an index.
    text = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [str(placement.binaries / "initdb"), "-D", str(folder), "--no-instructions", *who, *text]


def _check_version(placement: Placement) -> None:
    try:
        found = (placement.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServerError(f"{placement.data} is not a PostgreSQL data directory; set HEADGATE_HOME to another folder.") from None
    _, said = placement.identity.run([placement.binaries / "postgres", "--version"], timeout=10)
    ours = said.split()[-1].split(".")[0]
    if found != ours:
        why = f"The data directory {placement.data} is of PostgreSQL {found} and this is PostgreSQL {ours}"
        raise EmbeddedServerError(f"{why}; dump it with the old one, or set HEADGATE_HOME to another folder.")
