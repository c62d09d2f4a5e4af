"""Start one web process on its own PostgreSQL, for benchmarks that need no worker and no Prefect."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from adapters.persistence.embedded.server import EmbeddedPostgres
from adapters.persistence.migrate import upgrade
from adapters.system.network import find_free_port
from bench.support.stack import ROOT, wait_until

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class WebProcess:
    """A `headgate web` that is ready. `url` is the URL of its database on the server `postgres`."""

    port: int
    process: subprocess.Popen[bytes]
    postgres: EmbeddedPostgres
    url: str
    http: httpx.Client

    def create_pipeline(self, name: str, stages: list[dict[str, Any]]) -> int:
        answer = self.http.post("/pipelines/", json={"name": name, "stages": stages}).raise_for_status()
        return int(answer.json()["id"])

    def trigger(self, name: str) -> int:
        return int(self.http.post(f"/trigger/{name}").raise_for_status().json()["run_id"])


@contextmanager
def postgres_server() -> Iterator[EmbeddedPostgres]:
    """Run PostgreSQL with production settings in a temporary folder until the block ends."""
    with tempfile.TemporaryDirectory(prefix="headgate-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "home")
        server.start()
        try:
            upgrade(server.url())
            yield server
        finally:
            server.stop()


@contextmanager
def web_process(server: EmbeddedPostgres, settings: Mapping[str, str] | None = None) -> Iterator[WebProcess]:
    """Run a web process on the server's database, with telemetry off, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="headgate-web-", dir="/tmp") as folder:
        port = find_free_port()
        environment = _environment(Path(folder), port, server.url()) | dict(settings or {})
        with (Path(folder) / "output").open("wb") as output:
            argv = [sys.executable, "-m", "entrypoints.cli", "web"]
            process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=output, stderr=output)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as http:
                wait_until(lambda: _is_ready(http), _START_SECONDS, "/readyz", (Path(folder) / "output").read_text)
                yield WebProcess(port, process, server, server.url(), http)
        finally:
            process.terminate()
            process.wait(30)


def _is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _environment(home: Path, port: int, url: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PREFECT_", "DD_"))}
    return inherited | {
        "PYTHONPATH": str(ROOT),
        "HEADGATE_HOME": str(home),
        "HEADGATE_PORT": str(port),
        "HEADGATE_DATABASE_URL": url,
        "HEADGATE_PREFECT_API_URL": "http://127.0.0.1:9/api",  # nothing listens there
        "HEADGATE_TELEMETRY": "off",
        "HEADGATE_LOG_LEVEL": "error",
    }
