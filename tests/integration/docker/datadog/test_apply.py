"""Applies the assets to a test server that checks them with Datadog's models."""

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


class Stand(ThreadingHTTPServer):
    """Stores assets by kind and id. `asked` has the method and kind of every request."""

    kept: dict[str, dict[str, Any]]
    asked: list[tuple[str, str]]

    def server_bind(self) -> None:
        """Skip the name lookup of the base class."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]


class Handler(BaseHTTPRequestHandler):
    server: Stand
    protocol_version: ClassVar[str] = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def _answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        _, _, _, kind, *rest = urlsplit(self.path).path.split("/")
        self.server.asked.append((self.command, kind))
        if (self.headers["DD-API-KEY"], self.headers["DD-APPLICATION-KEY"]) != ("api", "app"):
            return self._say(403, {"errors": ["Forbidden"]})
        if self.command == "GET":
            return self._say(200, self._listed(kind))
        if problems := problems_of(body, MODELS[kind]):
            return self._say(400, {"errors": problems})
        id = rest[0] if rest else f"{kind}-{len(self.server.kept[kind])}"
        self.server.kept[kind][id] = body
        return self._say(200, {"data": [{"id": id}]} if kind == "slo" else {"id": id})

    do_GET = do_POST = do_PUT = _answer

    def _listed(self, kind: str) -> Any:
        found = [{"id": id, **body} for id, body in self.server.kept[kind].items()]
        return {"slo": {"data": found}, "monitor": found, "dashboard": {"dashboards": found}}[kind]

    def _say(self, status: int, body: Any) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def datadog() -> Iterator[Stand]:
    stand = Stand(("127.0.0.1", 0), Handler)
    stand.kept, stand.asked = {kind: {} for kind in MODELS}, []
    thread = threading.Thread(target=stand.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stand
    stand.shutdown()
    thread.join()
    stand.server_close()


def run(datadog: Stand, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], "DD_API_URL": f"http://127.0.0.1:{datadog.server_port}", **environment}
    return subprocess.run([sys.executable, "-I", SCRIPT], env=given, capture_output=True, text=True, timeout=30, check=False)


def test_everything_is_created_and_refers_to_the_created_slo(datadog: Stand) -> None:
    done = run(datadog, **KEYS)

    assert (done.returncode, done.stderr) == (0, "")
    assert {kind: len(kept) for kind, kept in datadog.kept.items()} == {"slo": 1, "monitor": 5, "dashboard": 1}
    (slo_id,) = datadog.kept["slo"]
    assert f'"{slo_id}"' in json.dumps(datadog.kept["dashboard"])
    assert any(monitor["query"].startswith(f'error_budget("{slo_id}")') for monitor in datadog.kept["monitor"].values())
    assert "SLO_ID" not in json.dumps(datadog.kept)


def test_a_second_run_updates_and_duplicates_nothing(datadog: Stand) -> None:
    run(datadog, **KEYS)
    before = json.dumps(datadog.kept)
    datadog.asked.clear()

    assert run(datadog, **KEYS).returncode == 0

    assert json.dumps(datadog.kept) == before
    assert "POST" not in {method for method, _ in datadog.asked}


def test_missing_keys_are_named(datadog: Stand) -> None:
    done = run(datadog, DD_API_KEY="api")

    assert (done.returncode, done.stderr.strip()) == (1, "Set DD_APP_KEY.")
    assert datadog.asked == []


def test_an_error_is_printed_in_one_line(datadog: Stand) -> None:
    done = run(datadog, DD_API_KEY="api", DD_APP_KEY="wrong")

    assert done.returncode == 1
    assert done.stderr.splitlines() == [done.stderr.strip()]
    assert "403" in done.stderr
