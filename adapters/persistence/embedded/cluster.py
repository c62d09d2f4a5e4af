"""Creates the data directory, checks its version, and holds the server's settings."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from adapters.persistence.embedded.errors import FULL_DISK, EmbeddedServerError, check_free_space, error_from_output, out_of_space_error
from adapters.persistence.embedded.paths import PORT, ServerPaths

SUPERUSER = "headgate"
_INITDB_SECONDS = 120.0

# For one machine that also runs the pipelines. Durability is not reduced.
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


def build_server_arguments(paths: ServerPaths, overrides: Mapping[str, str]) -> list[str]:
    """Return the server's command line. It contains all settings, so that a new version of Headgate brings its own."""
    settings = _SETTINGS | {"unix_socket_directories": str(paths.socket_dir)} | dict(overrides)
    arguments = [str(paths.binaries / "postgres"), "-D", str(paths.data)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    return arguments


def ensure_cluster(paths: ServerPaths, secret: str) -> bool:
    """Create the data directory if it does not exist, and return True if it was created.

    Raise EmbeddedServerError if it has another major version or cannot be created.
    """
    if paths.data.exists():
        _check_version(paths)
        return False
    check_free_space(paths.root)
    try:
        _initdb(paths, secret)
    except OSError as error:
        if error.errno in FULL_DISK:
            raise out_of_space_error(paths.root) from None
        raise EmbeddedServerError(f"The data directory {paths.data} cannot be created: {error}.") from None
    return True


def _initdb(paths: ServerPaths, secret: str) -> None:
    # Created under another name and renamed, so that a killed start leaves no incomplete data directory.
    unfinished = paths.root / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    paths.os_user.give_ownership(unfinished, 0o700)
    handover = paths.root / "password.initdb"
    handover.unlink(missing_ok=True)
    with os.fdopen(os.open(handover, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret)
    paths.os_user.give_ownership(handover, 0o600)
    try:
        code, output = paths.os_user.run(_initdb_arguments(paths, unfinished, handover), timeout=_INITDB_SECONDS)
    finally:
        handover.unlink(missing_ok=True)
    if code != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise error_from_output(output, "create its data directory", paths.root)
    unfinished.rename(paths.data)


def _initdb_arguments(paths: ServerPaths, folder: Path, handover: Path) -> list[str]:
    access = ["-U", SUPERUSER, f"--pwfile={handover}", "--auth=scram-sha-256"]
    # The builtin provider sorts the same on every system, so that a library update cannot corrupt an index.
    text = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [str(paths.binaries / "initdb"), "-D", str(folder), "--no-instructions", *access, *text]


def _check_version(paths: ServerPaths) -> None:
    try:
        found = (paths.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedServerError(f"{paths.data} is not a PostgreSQL data directory; set HEADGATE_HOME to another folder.") from None
    _, output = paths.os_user.run([paths.binaries / "postgres", "--version"], timeout=10)
    ours = output.split()[-1].split(".")[0]
    if found != ours:
        why = f"The data directory {paths.data} belongs to PostgreSQL {found}, but this is PostgreSQL {ours}"
        raise EmbeddedServerError(f"{why}; dump it with the old version, or set HEADGATE_HOME to another folder.")
