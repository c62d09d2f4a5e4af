"""A web ends within its time on TERM, whatever its services and connections do, and logs what did not end."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.integration.process import obstructed_web
from tests.support.paths import ROOT
from tests.support.waiting import wait_for
from tests.support.web_process import a_web


@contextmanager
def a_request_without_its_body(url: str) -> Iterator[socket.socket]:
    """Send the head of a request. Begin the block once the server reads the body, which is never sent."""
    parts = urlsplit(url)
    head = f"POST /pipelines/ HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        yield connection


def stop(postgres: EmbeddedPostgres, *command: str, after: str = "") -> tuple[int, str]:
    """Start the web and stop it once its output has `after`. Return its exit code and its output. Fail if it does not end."""
    with a_web(postgres, command, HEADGATE_DRAIN_SECONDS="0", PYTHONPATH=str(ROOT)) as web:
        wait_for(lambda: after in web.log.read_text(), 60, web.log.read_text)
        web.process.terminate()
        try:
            return web.process.wait(30), web.log.read_text()
        finally:
            web.process.kill()


def stop_obstructed(postgres: EmbeddedPostgres, kind: str) -> tuple[int, str]:
    return stop(postgres, obstructed_web.__name__, kind, after=obstructed_web.STARTED)


def find_errors(output: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [line for line in lines if line["level"] == "error"]


def test_a_web_ends_without_an_error(postgres: EmbeddedPostgres) -> None:
    code, output = stop(postgres)

    assert (code, find_errors(output)) == (0, [])


def test_a_request_that_is_open_after_the_drain_gets_503(postgres: EmbeddedPostgres) -> None:
    with a_web(postgres, HEADGATE_DRAIN_SECONDS="0") as web, a_request_without_its_body(web.url) as connection:
        web.process.terminate()
        answer = connection.makefile("rb").read().decode()
        code = web.process.wait(30)

    assert answer.startswith("HTTP/1.1 503 ")
    assert "Headgate is stopping. Try again in a moment." in answer
    assert code == 0


@pytest.mark.parametrize("kind", ["cancellation", "thread"])
def test_a_service_that_does_not_end_is_named_and_left_behind(postgres: EmbeddedPostgres, kind: str) -> None:
    code, output = stop_obstructed(postgres, kind)

    named = [error["background_service"] for error in find_errors(output)]
    assert (code, named) == (0, {"cancellation": ["ObstructedService"], "thread": []}[kind])


def test_a_connection_that_cannot_be_closed_is_named_and_left_behind(postgres: EmbeddedPostgres) -> None:
    code, output = stop_obstructed(postgres, "sink")

    assert (code, [error["closing"] for error in find_errors(output)]) == (0, ["ObstructedSink.close"])


def test_a_web_whose_event_loop_is_blocked_ends_with_an_error_and_shows_where(postgres: EmbeddedPostgres) -> None:
    code, output = stop_obstructed(postgres, "loop")

    [error] = find_errors(output)
    assert code == 1
    assert any("ObstructedService" in task for task in error["tasks"])
    assert "in block_loop" in output
