"""Print what telemetry costs a request: off, figures only, all of it, and all of it to an agent that is dead or takes every byte and
never answers.

Run it as `python -m bench.telemetry [REQUESTS]` on an otherwise idle machine. All take turns, many and short, so that noise falls on all
alike, and are compared with each other in the same turn. Each is a web process of its own over one PostgreSQL; a request is
`POST /status-update/` of an external stage, one client at a time.
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

from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from adapters.system.network import find_free_port
from bench.support.measurements import Measurement, latency, print_measurements, print_progress, quantity

_A_ROUND = 200
_NAMED = "bench-telemetry"
_OFF, _WHOLE = "off", "traces and figures"


class MeasuredWeb:
    """A `headgate web` process under one kind of telemetry. `seconds` are its requests', by rounds."""

    def __init__(self, kind: str, folder: Path, database_url: str, telemetry: dict[str, str]) -> None:
        self.kind = kind
        self.seconds: list[list[float]] = []
        port = find_free_port()
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

    def ask(self, requests: int) -> list[float]:
        """Seconds until each was answered."""
        seconds = []
        for number in range(requests):
            began = time.perf_counter()
            self._http.post("/status-update/", json={**self._report, "records_processed": number}).raise_for_status()
            seconds.append(time.perf_counter() - began)
        return seconds

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
    """Measure them all and print the table."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        stack.callback(postgres.stop)
        upgrade(postgres.url())
        webs = [stack.enter_context(_running(kind, folder, postgres.url(), given)) for kind, given in _kinds(stack)]
        _measure(webs, requests)


def _measure(webs: list[MeasuredWeb], requests: int) -> None:
    for web in webs:
        web.wait()
        web.ask(_A_ROUND)
    spent = dict.fromkeys((web.kind for web in webs), 0.0)
    began = {web.kind: web.resident() for web in webs}
    rounds = max(1, requests // _A_ROUND)
    for number in range(rounds):
        print_progress("requests of every kind in turns", number, rounds)
        for web in webs:
            before = web.cpu()
            web.seconds.append(web.ask(_A_ROUND))
            spent[web.kind] += web.cpu() - before
    print_progress("requests of every kind in turns", rounds, rounds)
    print_measurements([found for web in webs for found in _figures(web, webs, spent[web.kind], began[web.kind])])


def _figures(web: MeasuredWeb, webs: list[MeasuredWeb], spent: float, began: float) -> Iterator[Measurement]:
    off, whole = (next(each for each in webs if each.kind == kind) for kind in (_OFF, _WHOLE))
    every = sorted(second for seconds in web.seconds for second in seconds)
    yield latency(f"{web.kind}: a status update, one client", every)
    yield quantity(f"{web.kind}: processor of a status update", spent / len(every) * 1e3, "ms")
    yield quantity(f"{web.kind}: p99 beside off, median of the rounds", _beside(web, off), "x")
    yield quantity(f"{web.kind}: p99 beside an agent that answers, median of the rounds", _beside(web, whole), "x")
    yield quantity(f"{web.kind}: memory at first", began, "MB")
    yield quantity(f"{web.kind}: memory in the end", web.resident(), "MB")


def _beside(web: MeasuredWeb, other: MeasuredWeb) -> float:
    """How much longer its slowest in a hundred took than the other's of the same round."""
    return statistics.median(_p99(ours) / _p99(theirs) for ours, theirs in zip(web.seconds, other.seconds, strict=True))


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


def _kinds(stack: contextlib.ExitStack) -> list[tuple[str, dict[str, str]]]:
    figures = stack.enter_context(_listener())
    agent, silent = stack.enter_context(_agent(answers=True)), stack.enter_context(_agent(answers=False))
    statsd = {"DD_DOGSTATSD_URL": f"udp://127.0.0.1:{figures}", "DD_ENV": "bench"}
    return [
        (_OFF, {"HEADGATE_TELEMETRY": "off"}),
        ("figures only", {"DD_TRACE_AGENT_URL": agent, "DD_TRACE_ENABLED": "false", **statsd}),
        (_WHOLE, {"DD_TRACE_AGENT_URL": agent, **statsd}),
        (
            "to a dead agent",
            {"DD_TRACE_AGENT_URL": f"http://127.0.0.1:{find_free_port()}", "DD_DOGSTATSD_URL": f"udp://127.0.0.1:{find_free_port()}"},
        ),
        ("to a silent agent", {"DD_TRACE_AGENT_URL": silent, **statsd}),
    ]


@contextlib.contextmanager
def _running(kind: str, folder: Path, database_url: str, telemetry: dict[str, str]) -> Iterator[MeasuredWeb]:
    web = MeasuredWeb(kind, folder, database_url, telemetry)
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
