"""Run PostgreSQL, Prefect, web processes and workers as real processes that can be killed or paused one by one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from psycopg import sql
from sqlalchemy import make_url

from adapters.orchestration.prefect_environment import build_client_environment
from adapters.orchestration.prefect_server import PrefectServer
from adapters.orchestration.server_health import wait_until_healthy
from adapters.persistence.embedded.errors import EmbeddedServerError
from adapters.persistence.embedded.server import PREFECT_DATABASE, EmbeddedPostgres
from entrypoints.process import parent_watch
from tests.chaos import skewed_clock
from tests.chaos.process import HeadgateProcess, Process, get_program, list_children, wait_until_gone
from tests.chaos.relay import Relay
from tests.support.clusters import Contents, copy_cluster
from tests.support.forked_commands import build_forked_argv
from tests.support.plain_http import NO_TLS
from tests.support.ports import find_free_port
from tests.support.temporary_folders import a_temporary_folder
from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
LEASE, HEARTBEAT = 4.0, 1.0
START_SECONDS = 120.0


class Stack:
    """The running processes. Worker n is connected to web n, modulo their number. `web_clock_skews` are added to the webs' clocks.

    With relays, webs reach the database through the one in `database_relays`, and workers reach web n through `web_relays[n]`.
    """

    def __init__(
        self,
        folder: Path,
        webs: int = 2,
        workers: int = 3,
        *,
        with_prefect: bool = True,
        with_relays: bool = False,
        web_clock_skews: Sequence[float] = (),
        **environment: str,
    ) -> None:
        self._with_prefect, self._with_relays = with_prefect, with_relays
        self._web_clock_skews = [*web_clock_skews, *[0.0] * (webs - len(web_clock_skews))]
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(mode=0o711)
        self.postgres = EmbeddedPostgres(self.home)
        self._extra_environment = {
            "HEADGATE_LEASE_SECONDS": str(LEASE),
            "HEADGATE_HEARTBEAT_SECONDS": str(HEARTBEAT),
            "HEADGATE_WORKER_SLOTS": "6",
        }
        self._extra_environment |= environment
        self._secret = secrets.token_urlsafe(48)
        self._pipe = os.pipe()
        self._counts = webs, workers
        self.webs: list[Process] = []
        self.workers: list[Process] = []
        self.urls: list[str] = []
        self.database_relays: list[Relay] = []
        self.web_relays: list[Relay] = []
        self.prefect_worker: Process | None = None
        self.prefect: Process
        self.server: PrefectServer

    @property
    def starts_file(self) -> Path:
        """The file to which every stage appends a line when it starts."""
        return self.folder / "starts"

    @property
    def parent_fd(self) -> int:
        """The end of a pipe that each process holds, so that it ends when the test process ends."""
        return self._pipe[0]

    @property
    def slots(self) -> int:
        return int(self._extra_environment["HEADGATE_WORKER_SLOTS"])

    def start(self) -> None:
        """Start everything. Return when every web is ready, every worker is connected and Prefect responds."""
        copy_cluster(Contents.PREFECT if self._with_prefect else Contents.TABLES, self.home)
        self.postgres.start()
        self.server = PrefectServer(self.home, find_free_port(), self.postgres.prefect_url(), f"headgate:{secrets.token_urlsafe(24)}")
        self.prefect = self._build_prefect()
        if self._with_prefect:
            self.prefect.start()
        self.urls = [f"http://127.0.0.1:{find_free_port()}" for _ in range(self._counts[0])]
        if self._with_relays:
            self._start_relays()
        self.webs = [self._build_web(index, clock_skew) for index, clock_skew in enumerate(self._web_clock_skews)]
        self.workers = [self.build_worker(f"worker-{index}", index) for index in range(self._counts[1])]
        for process in (*self.webs, *self.workers):
            process.start()
        self.wait_until_ready()

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until every web is ready and counts every running worker, and Prefect responds."""
        running = sum(worker.is_alive for worker in self.workers)
        for url in self.urls:
            wait_for(lambda url=url: self._is_ready(url, running), seconds, lambda: self.read_logs())  # type: ignore[misc]
        if self._with_prefect:
            assert asyncio.run(wait_until_healthy(self.server.health_url, seconds)), self.prefect.read_log()

    def wait_for_web(self, index: int, seconds: float = 60.0) -> None:
        wait_for(lambda: self._is_ready(self.urls[index], 0), seconds, self.webs[index].read_log)

    def get_postmaster_pid(self) -> int:
        assert self.postgres.paths is not None
        return int((self.postgres.paths.data / "postmaster.pid").read_text().split()[0])

    def list_postgres_pids(self) -> list[int]:
        """Return the pids of the postmaster and of its processes."""
        postmaster = self.get_postmaster_pid()
        return [postmaster, *list_children(postmaster)]

    def kill_postgres(self) -> None:
        """Kill -9 all processes of PostgreSQL, and start it again."""
        found = self.list_postgres_pids()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):  # it has ended since
                os.kill(pid, signal.SIGKILL)
        assert all(wait_until_gone(pid, 30) for pid in found)
        wait_for(self._starts_postgres, START_SECONDS, self.read_logs)

    def end(self) -> None:
        """Kill every process, in whatever state it is, and stop PostgreSQL."""
        extra = (self.prefect_worker,) if self.prefect_worker is not None else ()
        for process in (*self.workers, *self.webs, *extra):
            for pid in _list_descendants(process.pid) if process.is_alive else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.end()
        if hasattr(self, "prefect"):
            for pid in _list_descendants(self.prefect.pid) if self.prefect.is_alive else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.prefect.end()
        self.postgres.stop()
        for relay in (*self.database_relays, *self.web_relays):
            relay.stop()
        for descriptor in self._pipe:
            os.close(descriptor)

    def build_worker(self, name: str, position: int, clock_skew: float = 0.0, **more: str) -> Process:
        """Return a worker that is not started yet, for the web at this position. `clock_skew` is added to its clock, in seconds."""
        urls = [f"http://127.0.0.1:{relay.port}" for relay in self.web_relays] or self.urls
        environment = self._build_environment() | {"HEADGATE_URL": urls[position % len(urls)], "HEADGATE_WORKER_NAME": name} | more
        return self._build_process(name, "worker", environment, clock_skew)

    def restart_web(self, index: int, clock_skew: float = 0.0) -> None:
        """Stop the web, start it again with this many seconds added to its clock, and wait until it is ready."""
        self.webs[index].terminate(30)
        self.webs[index] = self._build_web(index, clock_skew)
        self.webs[index].start()
        self.wait_for_web(index)

    def run_command(self, *arguments: str, stdin: str = "", clock_skew: float = 0.0) -> str:
        """Run a headgate command on the stack's database and return what it prints."""
        environment = self._build_environment() | {"HEADGATE_DATABASE_URL": self.postgres.url(), "HEADGATE_URL": self.urls[0]}
        environment |= _build_clock_variable(clock_skew)
        argv = build_forked_argv(*arguments, program=get_program(environment))
        ended = subprocess.run(argv, env=environment, input=stdin, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def find_stage_host(self, worker: Process) -> int | None:
        """Return the pid of the worker's stage host."""
        return next((pid for pid in list_children(worker.pid) if b"host" in _read_command_line(pid)), None) if worker.is_alive else None

    def find_stages(self, worker: Process) -> list[int]:
        """Return the pids of the stages running under the worker's stage host."""
        host = self.find_stage_host(worker)
        return list_children(host) if host is not None else []

    def start_prefect_worker(self, pool: str) -> None:
        """Start Prefect's own process worker for another pool, unless it runs."""
        if self.prefect_worker is None:
            argv = [sys.executable, "-P", "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
            client = build_client_environment(self.home, self.server.api_url, self.server.auth_string, self._build_environment())
            environment = client | {
                "HEADGATE_URL": self.urls[0],
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                "PREFECT_WORKER_PREFETCH_SECONDS": "5",
            }
            self.prefect_worker = Process("prefects-worker", argv, environment, self.folder / "prefects-worker.log", self._pipe[0])
            self.prefect_worker.start()

    def reset_prefect(self) -> None:
        """Replace Prefect's database with an empty one and restart its server."""
        self.prefect.end()
        name = sql.Identifier(PREFECT_DATABASE)
        with self.postgres.connection() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        self.prefect.start()

    def call_prefect(self, path: str, body: dict[str, Any]) -> Any:
        """Return the response of Prefect's API to a POST."""
        user, _, password = self.server.auth_string.partition(":")
        answer = httpx.post(f"{self.server.api_url}{path}", json=body, auth=(user, password), timeout=20, trust_env=False, verify=NO_TLS)
        answer.raise_for_status()
        return answer.json()

    def create(self, definition: dict[str, Any]) -> None:
        answer = httpx.post(f"{self.urls[0]}/pipelines/", json=definition, timeout=20, trust_env=False, verify=NO_TLS)
        assert answer.status_code == 201, answer.text

    def get(self, path: str) -> Any:
        """Return the JSON response of the first web."""
        answer = httpx.get(f"{self.urls[0]}{path}", headers={"Accept": "application/json"}, timeout=20, trust_env=False, verify=NO_TLS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get_page(self, path: str) -> str:
        return httpx.get(f"{self.urls[0]}{path}", headers={"Accept": "text/html"}, timeout=20, trust_env=False, verify=NO_TLS).text

    def trigger(self, pipeline: str) -> int:
        """Trigger the pipeline and return the run's id."""
        answer = httpx.post(f"{self.urls[0]}/trigger/{pipeline}", timeout=20, trust_env=False, verify=NO_TLS)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["run_id"])

    def read_logs(self) -> str:
        return "\n".join(f"--- {process.name}\n{process.read_log()}" for process in (*self.webs, *self.workers))

    def _starts_postgres(self) -> bool:
        """Return False if PostgreSQL does not respond in time: on a busy machine, recovery after a kill may take longer."""
        try:
            self.postgres.start()
        except EmbeddedServerError:
            return False
        return True

    def _start_relays(self) -> None:
        assert self.postgres.paths is not None
        self.database_relays = [Relay(self.postgres.paths.socket)]
        self.web_relays = [Relay(int(url.rpartition(":")[2])) for url in self.urls]

    def _get_web_database_url(self) -> str:
        url = make_url(self.postgres.url())
        for relay in self.database_relays:
            url = url.set(host="127.0.0.1", port=relay.port, query={})
        return url.render_as_string(hide_password=False)

    def _build_web(self, index: int, clock_skew: float) -> Process:
        url = self.urls[index]
        own = {"HEADGATE_PORT": url.rpartition(":")[2], "HEADGATE_DATABASE_URL": self._get_web_database_url()}
        own["HEADGATE_URL"] = self._extra_environment.get("HEADGATE_URL", url)
        environment = self._build_environment() | own
        return self._build_process(f"web-{index}", "web", environment, clock_skew)

    def _build_process(self, name: str, command: str, environment: Mapping[str, str], clock_skew: float) -> Process:
        log = self.folder / f"{name}.log"
        return HeadgateProcess(name, [command], {**environment, **_build_clock_variable(clock_skew)}, log, self._pipe[0])

    def _build_prefect(self) -> Process:
        argv = [sys.executable, "-I", "-S", parent_watch.__file__, "--nice", "5", "--", *self.server.argv()]
        environment = self.server.environment(_inherit_environment())
        return Process("prefect", argv, environment, self.folder / "prefect.log", self._pipe[0])

    def _build_environment(self) -> dict[str, str]:
        own = {
            "HEADGATE_HOME": str(self.home),
            "HEADGATE_SECRET": self._secret,
            "HEADGATE_PREFECT_API_URL": self.server.api_url,
            "HEADGATE_PREFECT_API_AUTH_STRING": self.server.auth_string,
            "HEADGATE_WORKDIR": str(self.folder),
            "HEADGATE_TELEMETRY": "off",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        return _inherit_environment() | own | self._extra_environment

    def _is_ready(self, url: str, workers: int) -> bool:
        try:
            answer = httpx.get(f"{url}/readyz", timeout=5, trust_env=False, verify=NO_TLS)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["workers"]["count"] >= workers


@contextlib.contextmanager
def chaos_stack(
    webs: int = 2,
    workers: int = 3,
    *,
    with_prefect: bool = True,
    with_relays: bool = False,
    web_clock_skews: Sequence[float] = (),
    **environment: str,
) -> Iterator[Stack]:
    """Run a stack until the block ends. Without Prefect, which makes the start faster, nothing listens at its URL."""
    with a_temporary_folder("hg-chaos-") as folder:
        stack = Stack(
            folder,
            webs,
            workers,
            with_prefect=with_prefect,
            with_relays=with_relays,
            web_clock_skews=web_clock_skews,
            **environment,
        )
        try:
            stack.start()
            yield stack
        finally:
            stack.end()


def _build_clock_variable(skew: float) -> dict[str, str]:
    return {skewed_clock.VARIABLE: str(skew)} if skew else {}


def _list_descendants(pid: int) -> list[int]:
    found = list_children(pid)
    return found + [each for child in found for each in _list_descendants(child)]


def _read_command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _inherit_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PREFECT_"))}
