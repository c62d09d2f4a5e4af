"""A web ends within its time on TERM, whatever its services and connections do, and logs what did not end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.persistence.embedded.server import EmbeddedPostgres
from tests.integration.process import obstructed_web
from tests.support.waiting import wait_for
from tests.support.web_process import a_web


def stop(postgres: EmbeddedPostgres, *command: str, after: str = "") -> tuple[int, str]:
    """Start the web and stop it once its output has `after`. Return its exit code and its output. Fail if it does not end."""
    with a_web(postgres, command, HEADGATE_DRAIN_SECONDS="0") as web:
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
    code, output = stop(postgres, "entrypoints.cli", "web")

    assert (code, find_errors(output)) == (0, [])


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
