"""Datadog's APM test agent, and a listener for DogStatsD metrics."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from tests.support.plain_http import NO_TLS
from tests.support.ports import find_free_port

CHECKS = "trace_count_header,meta_tracer_version_header,trace_content_length,meta_events_is_valid_json"
TOKEN = "headgate-test"
Span = dict[str, Any]


class DatadogTestAgent:
    """The test agent as a process, with one session. `environment` has the variables that send telemetry to it."""

    def __init__(self, folder: Path, metrics: MetricsListener) -> None:
        port, *others = (find_free_port() for _ in range(4))
        self._log = folder / "agent.log"
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=20, params={"test_session_token": TOKEN}, verify=NO_TLS)
        self.environment = build_environment(self.url, metrics.port)
        flags = ("--port", "--otlp-http-port", "--otlp-grpc-port", "--web-ui-port")
        arguments = [str(word) for pair in zip(flags, (port, *others), strict=True) for word in pair]
        program = shutil.which("ddapm-test-agent", path=str(Path(sys.executable).parent)) or "ddapm-test-agent"
        self._argv = [program, *arguments]

    def start(self) -> Self:
        environment = os.environ | {"ENABLED_CHECKS": CHECKS, "DD_POOL_TRACE_CHECK_FAILURES": "true"}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._argv, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_until(self._is_ready, 30)
        self.http.get("/test/session/start").raise_for_status()
        return self

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.kill()
        self.http.close()

    def spans(self, trace_id: str) -> list[Span]:
        """Return the spans that arrived of a trace. `trace_id` has 32 hexadecimal digits."""
        low = int(trace_id[16:], 16)
        traces: list[list[Span]] = self.http.get("/test/session/traces").raise_for_status().json()
        return [span for trace in traces for span in trace if span["trace_id"] == low]

    def get_all_spans(self) -> list[Span]:
        return [span for trace in self.http.get("/test/session/traces").raise_for_status().json() for span in trace]

    def checks(self) -> tuple[int, int]:
        """Return how many of the agent's checks passed and how many failed."""
        summary: dict[str, dict[str, int]] = self.http.get("/test/trace_check/summary").raise_for_status().json()
        passed, failed = (sum(check[f"{end}_Checks"] for check in summary.values()) for end in ("Passed", "Failed"))
        return passed, failed

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        with contextlib.suppress(httpx.TransportError):
            return self.http.get("/info").status_code == 200
        return False


class MetricsListener:
    """Receives DogStatsD datagrams, as an agent does."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._lines: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def get_values(self, name: str) -> list[tuple[float, dict[str, str]]]:
        """Return the value and tags of each metric of that full name."""
        found = []
        for line in list(self._lines):
            head, *parts = line.split("|")
            metric, _, value = head.rpartition(":")
            if metric == name:
                tags = next((part[1:] for part in parts if part.startswith("#")), "")
                found.append((float(value), dict(tag.partition(":")[::2] for tag in tags.split(","))))
        return found

    def names(self) -> set[str]:
        return {line.split("|")[0].rpartition(":")[0] for line in list(self._lines)}

    def end(self) -> None:
        self._socket.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._lines += self._socket.recv(65_536).decode().splitlines()


def build_environment(agent_url: str, metrics_port: int) -> dict[str, str]:
    return {
        "DD_TRACE_AGENT_URL": agent_url,
        "DD_DOGSTATSD_URL": f"udp://127.0.0.1:{metrics_port}",
        "DD_ENV": "test",
        "DD_VERSION": "1.2.3",
        "_DD_TRACE_WRITER_ADDITIONAL_HEADERS": f"X-Datadog-Test-Session-Token:{TOKEN}",
    }


def wait_until(condition: Callable[[], Any], seconds: float, every: float = 0.1) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s"
        time.sleep(every)
