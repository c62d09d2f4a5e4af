"""`headgate prefect` runs Prefect's command line with the server of this installation."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from entrypoints.supervisor.embedded_prefect import read_auth_string
from tests.support.headgate_command import ROOT, build_argv, build_environment
from tests.support.waiting import wait_for


class StubPrefect(ThreadingHTTPServer):
    """A server that is healthy and answers no other request until it is closed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.is_closed = threading.Event()
        self.authorizations: list[str | None] = []

    @property
    def port(self) -> int:
        return self.server_port


class _Handler(BaseHTTPRequestHandler):
    server: StubPrefect

    def do_GET(self) -> None:
        if self.path != "/api/health":
            self.do_POST()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"true")

    def do_POST(self) -> None:
        self.server.authorizations.append(self.headers.get("Authorization"))
        self.server.is_closed.wait()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def prefect() -> Iterator[StubPrefect]:
    server = StubPrefect()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.is_closed.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, prefect: StubPrefect) -> Path:
    """A home folder whose Prefect server is the stub."""
    (tmp_path / "prefect-port").write_text(f"{prefect.port}\n")
    return tmp_path


def build_variables(home: Path, **variables: str) -> dict[str, str]:
    return build_environment("http://127.0.0.1:9") | {"HEADGATE_HOME": str(home), **variables}


def run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = build_variables(home, **variables)
    return subprocess.run(build_argv("prefect", *arguments), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_without_arguments_it_prints_the_url_and_the_password_of_the_pages(home: Path, prefect: StubPrefect) -> None:
    result = run(home)

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:2] == [
        f"Prefect's pages: http://127.0.0.1:{prefect.port}/v2",
        f"Password:        {read_auth_string(home)}",
    ]


def test_the_password_of_another_server_is_not_printed(tmp_path: Path, prefect: StubPrefect) -> None:
    url = f"http://127.0.0.1:{prefect.port}/api"

    result = run(tmp_path, HEADGATE_PREFECT_API_URL=url, HEADGATE_PREFECT_API_AUTH_STRING="mara:very-secret")

    assert result.stdout.splitlines()[0] == f"Prefect's pages: http://127.0.0.1:{prefect.port}/v2"
    assert "HEADGATE_PREFECT_API_AUTH_STRING" in result.stdout
    assert "very-secret" not in result.stdout


def test_prefects_command_gets_the_arguments_and_the_server(home: Path, prefect: StubPrefect) -> None:
    result = run(
        home,
        "config",
        "view",
        "--show-secrets",
        PREFECT_API_URL="https://api.example.com",
        PREFECT_API_KEY="pnu_1",
        PREFECT_PROFILE="other",
    )

    assert result.returncode == 0, result.stderr
    assert f"PREFECT_API_URL='http://127.0.0.1:{prefect.port}/api'" in result.stdout
    assert f"PREFECT_API_AUTH_STRING='{read_auth_string(home)}'" in result.stdout.replace("\n", "")
    assert "pnu_1" not in result.stdout


def test_its_exit_code_is_prefects(home: Path) -> None:
    result = run(home, "config", "set", "NO_SUCH_SETTING=1")

    assert result.returncode == 1
    assert "NO_SUCH_SETTING" in result.stdout + result.stderr


def test_a_signal_reaches_prefects_command(home: Path, prefect: StubPrefect) -> None:
    process = subprocess.Popen(
        build_argv("prefect", "deployment", "ls"), env=build_variables(home), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait_for(lambda: prefect.authorizations or process.poll() is not None, 120)
        command = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
        process.send_signal(signal.SIGTERM)

        assert process.wait(timeout=60) == -signal.SIGTERM
        assert command[2:6] == [b"-m", b"prefect", b"deployment", b"ls"]
        assert str(prefect.authorizations[0]).startswith("Basic ")
    finally:
        process.kill()
        process.communicate()


def test_without_a_server_one_line_says_what_to_do(tmp_path: Path) -> None:
    results = [run(tmp_path), run(tmp_path, "deployment", "ls")]

    for result in results:
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.count("\n") == 1
        assert "`headgate up`" in result.stderr


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "prefect-port").write_text("9\n")

    result = run(tmp_path, "deployment", "ls")

    assert (result.returncode, result.stdout) == (2, "")
    assert "Prefect does not respond at http://127.0.0.1:9/api" in result.stderr
