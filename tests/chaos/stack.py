"""PostgreSQL, a Prefect server, some webs and some workers, as real processes on loopback that can each be hurt alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from psycopg import sql

from adapters.orchestration.prefect_environment import build_client_environment
from adapters.orchestration.prefect_server import PrefectServer
from adapters.orchestration.server_health import wait_until_healthy
from adapters.persistence.embedded.server import PREFECT_DATABASE, EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from adapters.system.network import find_free_port
from entrypoints.process import parent_watch
from tests.chaos.process import Process, children

ROOT = Path(__file__).resolve().parents[2]
LEASE, HEARTBEAT = 4.0, 1.0
_CLI = ("-P", "-m", "entrypoints.cli")
START_SECONDS = 120.0


class Stack:
    """`webs` and `workers` are lists of processes; a worker speaks to the web of its place, counted round."""

    def __init__(self, folder: Path, webs: int = 2, workers: int = 3, *, with_prefect: bool = True, **environment: str) -> None:
        self._with_prefect = with_prefect
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(mode=0o711)
        self.postgres = EmbeddedPostgres(self.home)
        self._more = {"HEADGATE_LEASE_SECONDS": str(LEASE), "HEADGATE_HEARTBEAT_SECONDS": str(HEARTBEAT), "HEADGATE_WORKER_SLOTS": "6"}
        self._more |= environment
        self._secret = secrets.token_urlsafe(48)
        self._pipe = os.pipe()
        self._counts = webs, workers
        self.webs: list[Process] = []
        self.workers: list[Process] = []
        self.urls: list[str] = []
        self.prefect_worker: Process | None = None
        self.prefect: Process
        self.server: PrefectServer

    @property
    def starts_file(self) -> Path:
        """Where every stage writes one line as the first thing it does."""
        return self.folder / "starts"

    @property
    def slots(self) -> int:
        return int(self._more["HEADGATE_WORKER_SLOTS"])

    def start(self) -> None:
        """Return when every web is ready, every worker is linked and Prefect answers."""
        self.postgres.start()
        upgrade(self.postgres.url())
        self.server = PrefectServer(self.home, find_free_port(), self.postgres.prefect_url(), f"headgate:{secrets.token_urlsafe(24)}")
        self.prefect = self._prefect()
        if self._with_prefect:
            self.prefect.start()
        self.webs = [self._web(index) for index in range(self._counts[0])]
        self.workers = [self.worker(f"worker-{index}", index) for index in range(self._counts[1])]
        for process in (*self.webs, *self.workers):
            process.start()
        self.wait_until_ready()

    def wait_until_ready(self, seconds: float = START_SECONDS) -> None:
        """Every web answers ready, Prefect too, and as many workers as are started were heard of just now."""
        living = sum(worker.alive for worker in self.workers)
        for url in self.urls:
            wait_for(lambda url=url: self._sees(url, living), seconds, lambda: self.read_logs())  # type: ignore[misc]
        if self._with_prefect:
            assert asyncio.run(wait_until_healthy(self.server.health_url, seconds)), self.prefect.tail()

    def wait_for_web(self, index: int, seconds: float = 60.0) -> None:
        wait_for(lambda: self._sees(self.urls[index], 0), seconds, self.webs[index].tail)

    def postmaster_pid(self) -> int:
        assert self.postgres.paths is not None
        return int((self.postgres.paths.data / "postmaster.pid").read_text().split()[0])

    def end(self) -> None:
        """Nothing of it is left afterwards, whatever state it was in."""
        extra = (self.prefect_worker,) if self.prefect_worker is not None else ()
        for process in (*self.workers, *self.webs, *extra):
            for pid in _descendants(process.pid) if process.alive else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.end()
        if hasattr(self, "prefect"):
            for pid in _descendants(self.prefect.pid) if self.prefect.alive else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.prefect.end()
        self.postgres.stop()
        for descriptor in self._pipe:
            os.close(descriptor)

    # -- parts ------------------------------------------------------------------------------------------------------

    def worker(self, name: str, place: int, argv: tuple[str, ...] = _CLI, **more: str) -> Process:
        """A worker that was not started yet, linked to the web of that place."""
        environment = self._environment() | {"HEADGATE_URL": self.urls[place % len(self.urls)], "HEADGATE_WORKER_NAME": name} | more
        return Process(name, [sys.executable, *argv, "worker"], environment, self.folder / f"{name}.log", self._pipe[0])

    def find_stage_host(self, worker: Process) -> int | None:
        """The pid of a worker's stage host."""
        return next((pid for pid in children(worker.pid) if b"host" in _command(pid)), None) if worker.alive else None

    def find_stages(self, worker: Process) -> list[int]:
        """The pids of the stages that run under a worker's stage host."""
        host = self.find_stage_host(worker)
        return children(host) if host is not None else []

    def start_prefects_worker(self, pool: str) -> None:
        """Prefect's own process worker, for runs of another pool; once."""
        if self.prefect_worker is None:
            argv = [sys.executable, "-P", "-m", "prefect", "worker", "start", "--pool", pool, "--type", "process"]
            client = build_client_environment(self.home, self.server.api_url, self.server.auth_string, self._environment())
            environment = client | {
                "HEADGATE_URL": self.urls[0],
                "PREFECT_WORKER_QUERY_SECONDS": "1",
                "PREFECT_WORKER_PREFETCH_SECONDS": "5",
            }
            self.prefect_worker = Process("prefects-worker", argv, environment, self.folder / "prefects-worker.log", self._pipe[0])
            self.prefect_worker.start()

    def reset_prefect(self) -> None:
        """Prefect's whole database is gone, and its server starts on an empty one."""
        self.prefect.end()
        name = sql.Identifier(PREFECT_DATABASE)
        with self.postgres.connection() as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        self.prefect.start()

    def call_prefect(self, path: str, body: dict[str, Any]) -> Any:
        """What Prefect's API answers to a POST."""
        user, _, password = self.server.auth_string.partition(":")
        answer = httpx.post(f"{self.server.api_url}{path}", json=body, auth=(user, password), timeout=20, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def create(self, definition: dict[str, Any]) -> None:
        answer = httpx.post(f"{self.urls[0]}/pipelines/", json=definition, timeout=20, trust_env=False)
        assert answer.status_code == 201, answer.text

    def get(self, path: str) -> Any:
        """What the first web answers."""
        answer = httpx.get(f"{self.urls[0]}{path}", headers={"Accept": "application/json"}, timeout=20, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def page(self, path: str) -> str:
        return httpx.get(f"{self.urls[0]}{path}", headers={"Accept": "text/html"}, timeout=20, trust_env=False).text

    def trigger(self, pipeline: str) -> int:
        """A run's id."""
        answer = httpx.post(f"{self.urls[0]}/trigger/{pipeline}", timeout=20, trust_env=False)
        assert answer.status_code == 202, answer.text
        return int(answer.json()["run_id"])

    def read_logs(self) -> str:
        return "\n".join(f"--- {process.name}\n{process.tail()}" for process in (*self.webs, *self.workers))

    def _web(self, index: int) -> Process:
        port = find_free_port()
        self.urls.append(f"http://127.0.0.1:{port}")
        own = {"HEADGATE_PORT": str(port), "HEADGATE_DATABASE_URL": self.postgres.url(), "HEADGATE_URL": self.urls[-1]}
        environment = self._environment() | own
        argv = [sys.executable, *_CLI, "web"]
        return Process(f"web-{index}", argv, environment, self.folder / f"web-{index}.log", self._pipe[0])

    def _prefect(self) -> Process:
        argv = [sys.executable, "-I", "-S", parent_watch.__file__, "--nice", "5", "--", *self.server.argv()]
        environment = self.server.environment(_clean())
        return Process("prefect", argv, environment, self.folder / "prefect.log", self._pipe[0])

    def _environment(self) -> dict[str, str]:
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
        return _clean() | own | self._more

    def _sees(self, url: str, workers: int) -> bool:
        try:
            answer = httpx.get(f"{url}/readyz", timeout=5, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.json()["workers"]["count"] >= workers


@contextlib.contextmanager
def chaos_stack(webs: int = 2, workers: int = 3, *, with_prefect: bool = True, **environment: str) -> Iterator[Stack]:
    """Started; ended and its folder removed afterwards. Without Prefect its address leads nowhere, and the start is quick."""
    folder = Path(tempfile.mkdtemp(prefix="hg-chaos-"))
    folder.chmod(0o711)
    stack = Stack(folder, webs, workers, with_prefect=with_prefect, **environment)
    try:
        stack.start()
        yield stack
    finally:
        stack.end()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(condition: Callable[[], Any], seconds: float, what: Callable[[], str] = lambda: "") -> Any:
    """What the condition gives once it is true. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s\n{what()}"
        time.sleep(0.05)
    return found


def _descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [each for child in found for each in _descendants(child)]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PREFECT_"))}
