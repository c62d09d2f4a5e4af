"""Apply the assets to a stub of Datadog that validates them with the API's models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from datadog_api_client.v1.model.dashboard import Dashboard
from datadog_api_client.v1.model.monitor import Monitor
from datadog_api_client.v1.model.service_level_objective_request import ServiceLevelObjectiveRequest

from tests.support.datadog_models import problems_of

SCRIPT = Path(__file__).parents[4] / "docker/datadog/apply.py"
MODELS = {"slo": ServiceLevelObjectiveRequest, "monitor": Monitor, "dashboard": Dashboard}
KEYS = {"DD_API_KEY": "api", "DD_APP_KEY": "app"}


class StubDatadog(ThreadingHTTPServer):
    """Stores objects by kind and id. `requests` has the method and kind of every request."""

    stored: dict[str, dict[str, Any]]
    requests: list[tuple[str, str]]

    def server_bind(self) -> None:
        """Bind without a reverse DNS lookup."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]


class Handler(BaseHTTPRequestHandler):
    server: StubDatadog
    protocol_version: ClassVar[str] = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        _, _, _, kind, *rest = urlsplit(self.path).path.split("/")
        self.server.requests.append((self.command, kind))
        if (self.headers["DD-API-KEY"], self.headers["DD-APPLICATION-KEY"]) != ("api", "app"):
            return self._respond(403, {"errors": ["Forbidden"]})
        if self.command == "GET":
            return self._respond(200, self._list(kind))
        if problems := problems_of(body, MODELS[kind]):
            return self._respond(400, {"errors": problems})
        id = rest[0] if rest else f"{kind}-{len(self.server.stored[kind])}"
        self.server.stored[kind][id] = body
        return self._respond(200, {"data": [{"id": id}]} if kind == "slo" else {"id": id})

    do_GET = do_POST = do_PUT = _answer

    def _list(self, kind: str) -> Any:
        found = [{"id": id, **body} for id, body in self.server.stored[kind].items()]
        return {"slo": {"data": found}, "monitor": found, "dashboard": {"dashboards": found}}[kind]

    def _respond(self, status: int, body: Any) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def datadog() -> Iterator[StubDatadog]:
    stub = StubDatadog(("127.0.0.1", 0), Handler)
    stub.stored, stub.requests = {kind: {} for kind in MODELS}, []
    thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    stub.shutdown()
    thread.join()
    stub.server_close()


def run(datadog: StubDatadog, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {"PATH": os.environ["PATH"], "DD_API_URL": f"http://127.0.0.1:{datadog.server_port}", **environment}
    return subprocess.run([sys.executable, "-I", SCRIPT], env=inherited, capture_output=True, text=True, timeout=30, check=False)


def test_everything_is_created_and_refers_to_the_created_slo(datadog: StubDatadog) -> None:
    result = run(datadog, **KEYS)

    assert (result.returncode, result.stderr) == (0, "")
    assert {kind: len(stored) for kind, stored in datadog.stored.items()} == {"slo": 1, "monitor": 6, "dashboard": 1}
    (slo_id,) = datadog.stored["slo"]
    assert f'"{slo_id}"' in json.dumps(datadog.stored["dashboard"])
    assert any(monitor["query"].startswith(f'error_budget("{slo_id}")') for monitor in datadog.stored["monitor"].values())
    assert "SLO_ID" not in json.dumps(datadog.stored)


def test_a_second_run_updates_and_creates_nothing(datadog: StubDatadog) -> None:
    run(datadog, **KEYS)
    before = json.dumps(datadog.stored)
    datadog.requests.clear()

    assert run(datadog, **KEYS).returncode == 0

    assert json.dumps(datadog.stored) == before
    assert "POST" not in {method for method, _ in datadog.requests}


def test_a_missing_key_is_named(datadog: StubDatadog) -> None:
    result = run(datadog, DD_API_KEY="api")

    assert (result.returncode, result.stderr.strip()) == (1, "Set DD_APP_KEY.")
    assert datadog.requests == []


def test_a_refusal_is_one_line(datadog: StubDatadog) -> None:
    result = run(datadog, DD_API_KEY="api", DD_APP_KEY="wrong")

    assert result.returncode == 1
    assert result.stderr.splitlines() == [result.stderr.strip()]
    assert "403" in result.stderr
