"""Measure what telemetry costs a request: `python -m bench.telemetry [REQUESTS]`, on an idle machine.

It compares telemetry off, metrics only, metrics and traces, and both with an agent that is down or that reads everything and never
answers. Each mode is a web process of its own on one PostgreSQL. They take many short turns, so that noise affects all alike, and are
compared within a turn. A request is `POST /status-update/` for an external stage, from one client.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from adapters.system.network import find_free_port
from bench.support.datadog_agent import run_agent, run_statsd_listener
from bench.support.measurements import Measurement, latency, print_measurements, print_progress, quantity

_REQUESTS_PER_ROUND = 200
_PIPELINE = "bench-telemetry"
_OFF, _FULL = "off", "traces and metrics"


class MeasuredWeb:
    """A `headgate web` process in one telemetry mode. `seconds` are the latencies of its requests, by round."""

    def __init__(self, mode: str, folder: Path, database_url: str, telemetry: dict[str, str]) -> None:
        self.mode = mode
        self.seconds: list[list[float]] = []
        port = find_free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "DD_"))}
        own = {"HEADGATE_HOME": str(folder), "HEADGATE_PORT": str(port), "HEADGATE_DATABASE_URL": database_url}
        other = {"HEADGATE_PREFECT_API_URL": "http://127.0.0.1:9/api", "HEADGATE_LOG_LEVEL": "error"}
        argv = [sys.executable, "-m", "entrypoints.cli", "web"]
        self.process = subprocess.Popen(argv, env=inherited | own | other | telemetry, stdout=subprocess.DEVNULL)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20)

    def prepare(self) -> None:
        """Wait until it is ready, and create a run to report on."""
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if self._http.get("/readyz").status_code == 200:
                    break
            time.sleep(0.1)
        self._http.post("/pipelines/", json={"name": _PIPELINE, "stages": [{"name": "remote", "kind": "external"}]})
        run = self._http.post(f"/trigger/{_PIPELINE}").raise_for_status().json()["run_id"]
        self._report = {"run_id": run, "stage_name": "remote", "status": "running"}

    def send_requests(self, requests: int) -> list[float]:
        """Return the latency of each request in seconds."""
        seconds = []
        for number in range(requests):
            started = time.perf_counter()
            self._http.post("/status-update/", json={**self._report, "records_processed": number}).raise_for_status()
            seconds.append(time.perf_counter() - started)
        return seconds

    def read_cpu(self) -> float:
        """Return the CPU seconds used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def read_memory(self) -> float:
        """Return the resident memory in MB."""
        return int(Path(f"/proc/{self.process.pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)  # a tracer waits for a silent agent before it gives up
        self._http.close()


def main(requests: int) -> None:
    """Measure every mode and print the table."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = EmbeddedPostgres(folder)
        postgres.start()
        stack.callback(postgres.stop)
        upgrade(postgres.url())
        webs = [stack.enter_context(_web_process(mode, folder, postgres.url(), telemetry)) for mode, telemetry in _list_modes(stack)]
        _measure(webs, requests)


def _measure(webs: list[MeasuredWeb], requests: int) -> None:
    for web in webs:
        web.prepare()
        web.send_requests(_REQUESTS_PER_ROUND)
    cpu_seconds = dict.fromkeys((web.mode for web in webs), 0.0)
    initial_memory = {web.mode: web.read_memory() for web in webs}
    rounds = max(1, requests // _REQUESTS_PER_ROUND)
    for number in range(rounds):
        print_progress("requests of every mode in turns", number, rounds)
        for web in webs:
            before = web.read_cpu()
            web.seconds.append(web.send_requests(_REQUESTS_PER_ROUND))
            cpu_seconds[web.mode] += web.read_cpu() - before
    print_progress("requests of every mode in turns", rounds, rounds)
    print_measurements([each for web in webs for each in _build_measurements(web, webs, cpu_seconds[web.mode], initial_memory[web.mode])])


def _build_measurements(web: MeasuredWeb, webs: list[MeasuredWeb], cpu_seconds: float, initial_memory: float) -> Iterator[Measurement]:
    off, full = (next(each for each in webs if each.mode == mode) for mode in (_OFF, _FULL))
    latencies = sorted(second for seconds in web.seconds for second in seconds)
    yield latency(f"{web.mode}: a status update, one client", latencies)
    yield quantity(f"{web.mode}: processor of a status update", cpu_seconds / len(latencies) * 1e3, "ms")
    yield quantity(f"{web.mode}: p99 beside off, median of the rounds", _compare_p99(web, off), "x")
    yield quantity(f"{web.mode}: p99 beside an agent that answers, median of the rounds", _compare_p99(web, full), "x")
    yield quantity(f"{web.mode}: memory at first", initial_memory, "MB")
    yield quantity(f"{web.mode}: memory in the end", web.read_memory(), "MB")


def _compare_p99(web: MeasuredWeb, other: MeasuredWeb) -> float:
    """Return the median ratio of the two p99 latencies of the same round."""
    return statistics.median(_p99(own) / _p99(other_round) for own, other_round in zip(web.seconds, other.seconds, strict=True))


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


def _list_modes(stack: contextlib.ExitStack) -> list[tuple[str, dict[str, str]]]:
    statsd_port = stack.enter_context(run_statsd_listener())
    agent, silent = stack.enter_context(run_agent(answers=True)), stack.enter_context(run_agent(answers=False))
    statsd = {"DD_DOGSTATSD_URL": f"udp://127.0.0.1:{statsd_port}", "DD_ENV": "bench"}
    return [
        (_OFF, {"HEADGATE_TELEMETRY": "off"}),
        ("metrics only", {"DD_TRACE_AGENT_URL": agent, "DD_TRACE_ENABLED": "false", **statsd}),
        (_FULL, {"DD_TRACE_AGENT_URL": agent, **statsd}),
        (
            "to a dead agent",
            {"DD_TRACE_AGENT_URL": f"http://127.0.0.1:{find_free_port()}", "DD_DOGSTATSD_URL": f"udp://127.0.0.1:{find_free_port()}"},
        ),
        ("to a silent agent", {"DD_TRACE_AGENT_URL": silent, **statsd}),
    ]


@contextlib.contextmanager
def _web_process(mode: str, folder: Path, database_url: str, telemetry: dict[str, str]) -> Iterator[MeasuredWeb]:
    web = MeasuredWeb(mode, folder, database_url, telemetry)
    try:
        yield web
    finally:
        web.end()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
