"""Print what telemetry costs a request: off, figures only, all of it, and all of it to an agent that takes every byte and never answers.

Run it as `python -m bench.telemetry [REQUESTS]` on an otherwise idle machine. The four take turns, so that noise falls on all alike.
Each is a web process of its own over one PostgreSQL; a request is `POST /status-update/` of an external stage, one client at a time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import httpx

from adapters.orchestration.server import free_port
from adapters.persistence.embedded import EmbeddedPostgres
from adapters.persistence.migrate import upgrade

_ROUNDS = 10
_NAMED = "bench-telemetry"
_OFF = "off"


class Web:
    """A `headgate web` process under one kind of telemetry. `seconds` are its requests', `cpu` what they took of the processor."""

    def __init__(self, kind: str, folder: Path, database_url: str, telemetry: dict[str, str]) -> None:
        self.kind = kind
        self.seconds: list[float] = []
        port = free_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "DD_"))}
        own = {"HEADGATE_HOME": str(folder), "HEADGATE_PORT": str(port), "HEADGATE_DATABASE_URL": database_url}
        elsewhere = {"HEADGATE_PREFECT_API_URL": "http://127.0.0.1:9/api", "HEADGATE_LOG_LEVEL": "error"}
        argv = [sys.executable, "-m", "entrypoints.cli", "web"]
        self.process = subprocess.Popen(argv, env=clean | own | elsewhere | telemetry, stdout=subprocess.DEVNULL)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def wait(self) -> None:
        """Until it takes triggers, and has a run to report about."""
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if self._http.get("/readyz").status_code == 200:
                    break
            time.sleep(0.1)
        self._http.post("/pipelines/", json={"name": _NAMED, "stages": [{"name": "remote", "kind": "external"}]})
        run = self._http.post(f"/trigger/{_NAMED}").raise_for_status().json()["run_id"]
        self._report = {"run_id": run, "stage_name": "remote", "status": "running"}

    def ask(self, requests: int, keep: bool) -> None:
        for number in range(requests):
            began = time.perf_counter()
            self._http.post("/status-update/", json={**self._report, "records_processed": number}).raise_for_status()
            if keep:
                self.seconds.append(time.perf_counter() - began)

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> float:
        """Megabytes in memory."""
        return int(Path(f"/proc/{self.process.pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)  # a tracer with a silent agent takes its time to give up
        self._http.close()


def main(requests: int) -> None:
    """Measure the four and print one line each."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        stack.callback(postgres.stop)
        upgrade(postgres.url())
        webs = [stack.enter_context(_running(kind, folder, postgres.url(), given)) for kind, given in _kinds(stack)]
        _measure(webs, requests)


def _measure(webs: list[Web], requests: int) -> None:
    for web in webs:
        web.wait()
        web.ask(200, keep=False)
    spent = dict.fromkeys((web.kind for web in webs), 0.0)
    for _ in range(_ROUNDS):
        for web in webs:
            before = web.cpu()
            web.ask(requests // _ROUNDS, keep=True)
            spent[web.kind] += web.cpu() - before
    base = next(web for web in webs if web.kind == _OFF)
    for web in webs:
        each = spent[web.kind] / len(web.seconds)
        p50, p99 = _at(web.seconds, 0.5), _at(web.seconds, 0.99)
        ratio = f"p99 x {p99 / _at(base.seconds, 0.99):.2f}"
        print(
            f"{web.kind:22} cpu {each * 1e3:5.2f} ms  p50 {p50 * 1e3:5.2f} ms  p99 {p99 * 1e3:6.2f} ms  {ratio}  {web.resident():4.0f} MB"
        )


def _at(seconds: list[float], share: float) -> float:
    return statistics.median(seconds) if share == 0.5 else sorted(seconds)[int(len(seconds) * share)]


def _kinds(stack: contextlib.ExitStack) -> list[tuple[str, dict[str, str]]]:
    figures = stack.enter_context(_listener())
    agent, silent = stack.enter_context(_agent(answers=True)), stack.enter_context(_agent(answers=False))
    statsd = {"DD_DOGSTATSD_URL": f"udp://127.0.0.1:{figures}", "DD_ENV": "bench"}
    return [
        (_OFF, {"HEADGATE_TELEMETRY": "off"}),
        ("figures only", {"DD_TRACE_AGENT_URL": agent, "DD_TRACE_ENABLED": "false", **statsd}),
        ("traces and figures", {"DD_TRACE_AGENT_URL": agent, **statsd}),
        ("to a silent agent", {"DD_TRACE_AGENT_URL": silent, **statsd}),
    ]


@contextlib.contextmanager
def _running(kind: str, folder: Path, database_url: str, telemetry: dict[str, str]) -> Iterator[Web]:
    web = Web(kind, folder, database_url, telemetry)
    try:
        yield web
    finally:
        web.end()


@contextlib.contextmanager
def _listener() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as figures:
        figures.bind(("127.0.0.1", 0))
        yield figures.getsockname()[1]


@contextlib.contextmanager
def _agent(answers: bool) -> Iterator[str]:
    """An address that takes spans, and says so or says nothing. What an agent does with them is not measured here."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        if answers:
            Thread(target=_take_all, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def _take_all(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            Thread(target=_take, args=(connection,), daemon=True).start()


def _take(connection: socket.socket) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    with connection, contextlib.suppress(OSError, ValueError):
        source = connection.makefile("rb")
        while source.readline():
            length = 0
            while (header := source.readline().strip()) != b"":
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            source.read(length)
            connection.sendall(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
