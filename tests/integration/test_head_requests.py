"""HEAD requests to a real web process, over a socket."""

import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.support.in_process import InProcessHeadgate
from tests.support.web_process import WebProcess, a_web

READ_PATHS = {path for method, path in InProcessHeadgate().app.state.routes.rules if method == "GET"}
PATHS = sorted(
    {re.sub(r"{\w+}", "1", path) for path in READ_PATHS if path != "/audit/export"} | {"/pipelines", "/nothing-here", "/static/1/1"}
)
"""Every route, and paths without one. The export has an entry for its own request, so it grows."""


@pytest.fixture(scope="module")
def web(postgres: EmbeddedPostgres) -> Iterator[WebProcess]:
    with a_web(postgres) as web:
        yield web


def send_head(web: WebProcess, path: str) -> bytes:
    """Send one HEAD request and return every byte of the answer."""
    address = urlsplit(web.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(f"HEAD {path} HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer


@pytest.mark.parametrize("path", PATHS)
def test_head_sends_the_headers_of_get_no_body_and_logs_nothing(web: WebProcess, path: str) -> None:
    logged_before = web.log.read_text()

    head, _, body = send_head(web, path).partition(b"\r\n\r\n")

    status_line, *lines = head.decode().split("\r\n")
    headers = httpx.Headers([line.split(": ", 1) for line in lines])
    assert body == b""
    with httpx.stream("GET", f"{web.url}{path}", headers={"Accept-Encoding": "identity"}, timeout=20) as get:
        assert status_line.split()[1] == str(get.status_code)
        assert headers.get("content-length") == get.headers.get("content-length")
        assert headers.get("content-type") == get.headers.get("content-type")
    assert web.log.read_text() == logged_before


def test_the_log_shows_what_goes_wrong(web: WebProcess) -> None:
    """Without it, the unchanged log above would prove nothing."""
    address = urlsplit(web.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(b"no HTTP at all\r\n\r\n")
        connection.recv(65_536)

    deadline = time.monotonic() + 20
    while "Invalid HTTP request" not in web.log.read_text():
        assert time.monotonic() < deadline, web.log.read_text()
        time.sleep(0.05)
