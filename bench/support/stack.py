"""Start and stop a complete Headgate (`headgate up`) in a temporary folder."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from adapters.system.network import find_free_port

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 90.0
_STOP_SECONDS = 40.0
_PROCESS_EXIT_SECONDS = 5.0


@dataclass(slots=True)
class Stack:
    """A running Headgate. `http` is a client for it; `home` contains every file it writes."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    output: Path
    http: httpx.Client
    first_page_seconds: float = 0.0
    ready_seconds: float = 0.0
    first_run_seconds: float = 0.0
    """Seconds from the start to the first response, to readiness, and to the end of the first run (`bench_stack` only)."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def read_output(self) -> str:
        """Return what `headgate up` and its processes have printed so far."""
        return self.output.read_text("utf-8", "replace")

    def get_readiness(self) -> Mapping[str, Any]:
        """Return the response of /readyz; empty while it is not ready."""
        try:
            answer = self.http.get("/readyz")
            return answer.json() if answer.status_code == 200 else {}
        except (httpx.TransportError, ValueError):
            return {}

    def is_responding(self) -> bool:
        """Return True if the web process responds."""
        try:
            return self.http.get("/livez").status_code == 200
        except httpx.TransportError:
            return False

    def complete_one_run(self) -> None:
        """Run a pipeline with one trivial stage to its end."""
        self.http.post("/pipelines/", json={"name": "first", "stages": [{"name": "first", "command": ["/bin/true"]}]}).raise_for_status()
        run_id = self.http.post("/trigger/first").raise_for_status().json()["run_id"]
        wait_until(
            lambda: self.http.get(f"/runs/{run_id}").json()["finished_at"] is not None, _START_SECONDS, "the first run", self.read_output
        )

    def connect_to_prefect(self) -> httpx.Client:
        """Return a client for its Prefect server. Call `wait_for_prefect` first."""
        found = re.search(r"Prefect ready: (http://\S+)", self.read_output())
        assert found, "call wait_for_prefect first"
        password = (self.home / "prefect-password").read_text().strip()
        return httpx.Client(base_url=f"{found[1]}/api", auth=("headgate", password), timeout=30, trust_env=False)

    def wait_for_prefect(self, seconds: float = 120) -> None:
        wait_until(lambda: "Prefect ready" in self.read_output(), seconds, "Prefect to answer", self.read_output)

    def wait_for_worker(self, seconds: float = 60) -> None:
        wait_until(lambda: self.get_readiness().get("workers", {}).get("count", 0) > 0, seconds, "a worker", self.read_output)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.http.close()


@contextmanager
def running_stack(*arguments: str, settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Run `headgate up` on a free port in a temporary home until the block ends. Check that it leaves no process behind."""
    # Not in TMPDIR: the operating system user that PostgreSQL runs as must be able to enter every parent folder.
    with tempfile.TemporaryDirectory(prefix="headgate-stack-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        home, output, port = Path(folder) / "home", Path(folder) / "output", find_free_port()
        environment = _environment(home, port) | dict(settings or {})
        with output.open("wb") as file:
            argv = [sys.executable, "-m", "entrypoints.cli", "up", *arguments]
            process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=file, stderr=file, start_new_session=True)
        began = time.monotonic()
        url = f"http://127.0.0.1:{port}"
        with Stack(url, home, process, output, httpx.Client(base_url=url, timeout=30, trust_env=False)) as stack:
            try:
                wait_until(lambda: stack.is_responding() or process.poll() is not None, _START_SECONDS, "the first page", stack.read_output)
                stack.first_page_seconds = time.monotonic() - began
                wait_until(lambda: bool(stack.get_readiness()) or process.poll() is not None, _START_SECONDS, "/readyz", stack.read_output)
                assert process.poll() is None, stack.read_output()
                stack.ready_seconds = time.monotonic() - began
                yield stack
            finally:
                _end(process)
            _assert_no_process_left(home, stack.read_output)


@contextmanager
def bench_stack(settings: Mapping[str, str] | None = None) -> Iterator[tuple[Stack, Path]]:
    """Run a Headgate until the block ends. Yield it when a worker and Prefect are ready, with a folder that stages may write to."""
    with (
        tempfile.TemporaryDirectory(prefix="headgate-bench-", dir="/tmp") as folder,
        running_stack("--no-examples", settings=settings) as stack,
    ):
        Path(folder).chmod(0o755)
        began = time.monotonic()
        stack.complete_one_run()
        stack.first_run_seconds = stack.ready_seconds + time.monotonic() - began
        stack.wait_for_worker()
        stack.wait_for_prefect()
        yield stack, Path(folder)


def wait_until(condition: Callable[[], bool], seconds: float, expected: str, context: Callable[[], str] = str) -> None:
    """Return when `condition` is true. Raise TimeoutError with `expected` and the context after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {expected}\n{context()}")
        time.sleep(0.05)


def find_processes(home: Path) -> dict[int, str]:
    """Return the command lines of the processes that have the folder in their arguments or environment, by pid."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if str(home).encode() in command + (folder / "environ").read_bytes():
                found[int(folder.name)] = command.replace(b"\0", b" ").decode("utf-8", "replace")
        except (OSError, ValueError):
            continue  # the process has ended, or belongs to another user
    found.pop(os.getpid(), None)
    return found


def _environment(home: Path, port: int) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PREFECT_", "DD_"))}
    own = {"HEADGATE_HOME": str(home), "HEADGATE_HOST": "127.0.0.1", "HEADGATE_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    return inherited | own | {"PYTHONPATH": str(ROOT)}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def _assert_no_process_left(home: Path, read_output: Callable[[], str]) -> None:
    wait_until(
        lambda: not find_processes(home), _PROCESS_EXIT_SECONDS, "every process to end", lambda: f"{find_processes(home)}\n{read_output()}"
    )
