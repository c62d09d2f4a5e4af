"""A web on a real socket over a real PostgreSQL, with something in it to find."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.forked_commands import build_forked_argv
from tests.support.forked_process import ForkedProcess
from tests.support.plain_http import NO_TLS
from tests.support.ports import find_free_port
from tests.support.postgres import a_database, create_migrated_template
from tests.support.running_headgate import UNREACHABLE

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 120.0


@dataclass(frozen=True)
class WebProcess:
    """Its address, the file that it logs to, its environment and its process."""

    url: str
    log: Path
    environment: Mapping[str, str]
    process: ForkedProcess

    def admins_header(self) -> str:
        """That of a new token which may do everything, made from the terminal."""
        argv = build_forked_argv("token", "create", "fuzz", "--scope", "admin")
        made = subprocess.run(argv, cwd=ROOT, env=dict(self.environment), text=True, capture_output=True, check=True)
        return f"Authorization: Bearer {re.findall('hg_[A-Za-z0-9_]+', made.stdout)[0]}"


@contextmanager
def a_web(postgres: EmbeddedPostgres, command: Sequence[str] = (), **environment: str) -> Iterator[WebProcess]:
    """Run a web, until the block ends, with its own database. `command` is another module that runs one, and its arguments."""
    template = create_migrated_template(postgres)
    with tempfile.TemporaryDirectory(prefix="headgate-fuzz-") as name, a_database(postgres, template) as database:
        folder, port = Path(name), find_free_port()
        url = postgres.url(database)
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("HEADGATE_", "PREFECT_", "DD_"))}
        settings = {
            "HEADGATE_HOME": str(folder / "home"),
            "HEADGATE_DATABASE_URL": url,
            "HEADGATE_PREFECT_API_URL": UNREACHABLE,
            "HEADGATE_PORT": str(port),
            "HEADGATE_TELEMETRY": "off",
        }
        log = folder / "web.log"
        with log.open("wb") as output:
            module, *arguments = command or ("", "web")
            process = ForkedProcess(arguments, clean | settings | environment, output, module=module)
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}", process, log)
            yield WebProcess(f"http://127.0.0.1:{port}", log, clean | settings | environment, process)
        finally:
            process.terminate()
            process.wait(40)


def furnish(url: str, header: str | None = None) -> None:
    """A pipeline of every kind that needs no worker, and a run of it with reports: `1` and `p` are there to be found."""
    stages = [{"name": "a", "kind": "external"}, {"name": "b", "kind": "approval"}, {"name": "c", "command": ["true"], "needs": ["b"]}]
    headers = dict([header.split(": ", 1)]) if header else None
    with httpx.Client(base_url=url, timeout=20, headers=headers, verify=NO_TLS) as http:
        http.post("/pipelines/", json={"name": "p", "stages": stages}).raise_for_status()
        http.post("/trigger/p").raise_for_status()
        http.post("/status-update/", json={"pipeline_id": "p", "stage_name": "a", "status": "running"}).raise_for_status()


def _wait_until_ready(url: str, process: ForkedProcess, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/readyz", timeout=5, verify=NO_TLS).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)
