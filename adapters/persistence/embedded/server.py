"""PostgreSQL from the wheel, its life owned by us: made, started or adopted, and stopped."""

from __future__ import annotations

import contextlib
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
from adapters.persistence.embedded.errors import EmbeddedServerError, error_from_output, read_log_tail
from adapters.persistence.embedded.paths import ServerPaths, password, prepare_server_paths
from adapters.persistence.embedded.postmaster import clear_stale_pids, is_server_running

DATABASE = "headgate"
PREFECT_DATABASE = "prefect"

_START_SECONDS = 60.0
_STOP_SECONDS = 8  # then the server is told to stop at once, which is as safe and costs a recovery
_LOG_BYTES = 10 * 1024 * 1024


class EmbeddedPostgres:
    """The server of one home: a socket in a private folder, a generated password, no TCP, nothing lost at a crash.

    `settings` override the server's own, by PostgreSQL's names. Blocking; call it from a thread in async code.
    """

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self._home = home.absolute()
        self._settings = dict(settings or {})
        self._placed: ServerPaths | None = None
        self._password = ""
        self._log_start = 0
        self._busy, self._closing = threading.Lock(), threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self.created = False
        self.adopted = False

    @property
    def paths(self) -> ServerPaths | None:
        """Where its files are, known once start() was called."""
        return self._placed

    @property
    def note(self) -> str | None:
        """A line worth telling, when the files are not in the home."""
        return self._placed.note if self._placed else None

    def start(self) -> None:
        """Return when the server answers queries and has both databases; adopt the one that already runs.

        Raises EmbeddedServerError with one clear sentence when it cannot.
        """
        with self._busy:
            if self._process is not None and self._process.poll() is not None:
                self._process = None
            self._placed = prepare_server_paths(self._home)
            self._password = password(self._placed)
            self.adopted = self._answers()
            if not self.adopted:
                self.created = ensure_cluster(self._placed, self._password)
                self._launch()
            for name in (DATABASE, PREFECT_DATABASE):
                self._ensure_database(name)

    def alive(self) -> bool:
        """Whether the server's process is there; cheap, asks no query."""
        if self._process is not None:
            return self._process.poll() is None
        return self._placed is not None and is_server_running(self._placed.data)

    def stop(self) -> None:
        """End sessions, write everything out, and return when the server is gone: at most 10 s. Harmless if it is not running.

        A start that is under way in another thread is given up first, so it cannot bring up a server after this.
        """
        self._closing.set()
        with self._busy:
            self._closing.clear()
            if self._process is not None:
                self._end_own(self._process)
            elif self._placed is not None:
                self._end_adopted(self._placed)
            self._process = None

    def url(self, database: str = DATABASE) -> str:
        """SQLAlchemy's address of `database`, over the socket, for psycopg."""
        return f"postgresql+psycopg://{self._address(database)}"

    def prefect_url(self) -> str:
        """The address of Prefect's database, for asyncpg."""
        return f"postgresql+asyncpg://{self._address(PREFECT_DATABASE)}"

    @contextlib.contextmanager
    def connection(self, database: str = "postgres") -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A superuser's connection that commits each statement."""
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
        if self._placed is None:
            raise RuntimeError("start() comes first")
        return self._placed

    def _address(self, database: str) -> str:
        return f"{SUPERUSER}:{quote(self._password, safe='')}@/{database}?host={quote(str(self._paths.socket_dir), safe='/')}"

    def _answers(self) -> bool:
        """Whether the server of exactly this data directory answers a query. A pid file proves nothing."""
        try:
            with self.connection() as connection:
                row = connection.execute("SELECT current_setting('data_directory')").fetchone()
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                why = f"refuses the password in {self._paths.password_file}"
                raise EmbeddedServerError(f"The server on {self._paths.socket} {why}.") from None
            return "too many clients" in str(error)
        if row is None or Path(row[0]) != self._paths.data:
            raise EmbeddedServerError(f"The server on {self._paths.socket} serves another data directory; stop it first.")
        return True

    def _launch(self) -> None:
        """Start the server and wait until it answers; again if what a killed one left is still ending."""
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            self._go_on()
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"PostgreSQL does not answer after {_START_SECONDS:g} s; see {self._paths.log}.")
            if self._process is None and not is_server_running(self._paths.data):
                clear_stale_pids(self._paths.data, self._paths.socket)
                self._spawn()
            elif self._process is not None and self._process.poll() is not None:
                self._explain_exit()
            time.sleep(0.02)
        self._go_on()

    def _go_on(self) -> None:
        if self._closing.is_set():
            raise EmbeddedServerError("PostgreSQL was told to stop before it had started.")

    def _end_own(self, process: subprocess.Popen[bytes]) -> None:
        # By signal and not by pg_ctl: one just started has not written the file by which pg_ctl finds it.
        for number, seconds in ((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 2), (signal.SIGKILL, 1)):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=seconds)
                return

    def _end_adopted(self, placed: ServerPaths) -> None:
        for mode, seconds in (("fast", _STOP_SECONDS), ("immediate", 2)):
            if is_server_running(placed.data):
                program, data = str(placed.binaries / "pg_ctl"), str(placed.data)
                placed.os_user.run([program, "stop", "-D", data, "-m", mode, "-w", "-t", str(seconds)], timeout=seconds + 1)

    def _spawn(self) -> None:
        log = self._paths.log
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as file:
            self._log_start = file.tell()
            self._process = self._paths.os_user.spawn(build_server_arguments(self._paths, self._settings), stdout=file.fileno())
        log.chmod(0o600)

    def _explain_exit(self) -> None:
        said = read_log_tail(self._paths.log, self._log_start)
        self._process = None
        if "pre-existing shared memory block" in said or "lock file" in said:
            time.sleep(0.1)  # sessions of a killed server are still ending; the deadline bounds it
            return
        raise error_from_output(said, "start", self._paths.data)

    def _ensure_database(self, name: str) -> None:
        with self.connection() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
