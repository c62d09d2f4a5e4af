from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli_stub_server import StubServer, a_run, an_event
from tests.support.headgate_command import build_argv, build_environment, run_in_foreground
from tests.unit.entrypoints.cli.conftest import RunCommand

FLIGHTS = {
    "name": "flights",
    "parameters": {
        "type": "object",
        "properties": {"month": {"type": "integer"}, "code": {"type": "string"}, "all": {"type": "boolean"}, "tags": {"type": "array"}},
    },
    "stages": [{"name": "load", "command": ["true"]}],
}


@pytest.fixture(autouse=True)
def _flights(stub_server: StubServer) -> None:
    assert stub_server.answer("POST", "/pipelines/", {}, FLIGHTS)[0] == 201


def test_a_trigger_prints_the_run_and_its_url(headgate: RunCommand, stub_server: StubServer) -> None:
    result = headgate("trigger", "flights")

    assert result.returncode == 0
    assert result.stdout == f"flights#3 queued  {stub_server.url}/ui/runs/7\n"
    assert stub_server.triggered == [{"pipeline": "flights", "parameters": {}}]


def test_parameters_get_the_types_of_the_schema(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"month": 1, "kept": null}')
    options = ["month=3", "code=007", "all=true", 'tags=["a"]', "other=x=y"]

    result = headgate("trigger", "flights", "--params-file", "p.json", *(part for option in options for part in ("--param", option)))

    assert result.returncode == 0, result.stderr
    assert stub_server.triggered[0]["parameters"] == {"month": 3, "kept": None, "code": "007", "all": True, "tags": ["a"], "other": "x=y"}


def test_parameters_can_be_read_from_standard_input(headgate: RunCommand, stub_server: StubServer) -> None:
    assert headgate("trigger", "flights", "--params-file", "-", stdin='{"month": 4}').returncode == 0
    assert stub_server.triggered[0]["parameters"] == {"month": 4}


@pytest.mark.parametrize("arguments", [["--param", "month"], ["--params-file", "absent.json"], ["--params-file", "-"]])
def test_an_invalid_parameter_is_exit_code_2(headgate: RunCommand, stub_server: StubServer, arguments: list[str]) -> None:
    result = headgate("trigger", "flights", *arguments, stdin="[1]")

    assert result.returncode == 2
    assert result.stderr.startswith(f"headgate: {arguments[0]} {arguments[1]}: ")
    assert stub_server.triggered == []


def test_the_parameters_of_a_pipeline_are_listed(headgate: RunCommand, stub_server: StubServer) -> None:
    properties = {
        "day": {"type": "string", "format": "date", "title": "Day", "description": "The day to load.\nYesterday if left out."},
        "region": {"$ref": "#/$defs/region"},
        "limit": {"type": ["integer", "null"], "minimum": 1, "default": None},
        "old": {"type": "boolean", "deprecated": True},
    }
    schema = {"properties": properties, "required": ["day"], "$defs": {"region": {"enum": ["north", 2], "default": 2, "title": "Region"}}}
    stub_server.answer("POST", "/pipelines/", {}, {"name": "listed", "parameters": schema, "stages": [{"name": "a", "command": ["true"]}]})

    result = headgate("trigger", "listed", "--list-params")

    assert (result.returncode, result.stderr, stub_server.triggered) == (0, "", [])
    assert result.stdout.splitlines() == [
        "day     string, date as 2026-01-31, required",
        "        Day: The day to load.",
        "        Yesterday if left out.",
        'region  "north" or 2, default 2',
        "        Region",
        "limit   integer or null, at least 1, default null",
        "old     boolean, deprecated",
    ]


def test_an_unknown_pipeline_is_exit_code_2(headgate: RunCommand) -> None:
    result = headgate("trigger", "fligths")

    assert result.returncode == 2
    assert "there is no pipeline fligths" in result.stderr


def test_a_watched_run_prints_every_change_once_and_exits_with_0(headgate: RunCommand) -> None:
    result = headgate("trigger", "flights", "--watch")

    assert result.returncode == 0, result.stderr
    words = [line.split("  ") for line in result.stdout.splitlines()]
    assert [line[1:] for line in words[1:4]] == [["load", "queued"], ["load", "running"], ["load", "completed", "2 s", "336,776 records"]]
    assert result.stdout.splitlines()[-1] == "flights#3 completed (2 s): It is completed."


@pytest.mark.parametrize("status", ["failed", "cancelled", "lost"])
def test_a_run_that_did_not_complete_is_exit_code_1(headgate: RunCommand, stub_server: StubServer, status: str) -> None:
    stub_server.next_run = a_run(status)

    assert headgate("trigger", "flights", "--watch").returncode == 1


def test_a_failed_stage_shows_the_sanitized_end_of_its_log(headgate: RunCommand, stub_server: StubServer) -> None:
    stub_server.next_run = a_run("failed", log=[f"line {n}" for n in range(2_000)] + ["\x1b]0;title\x07last\x1b[2J"])

    result = headgate("trigger", "flights", "--watch")

    tail = [line.strip() for line in result.stdout.split("--- the end of load's log\n")[1].splitlines()[:-1]]
    assert tail == [f"line {n}" for n in range(1_981, 2_000)] + ["last"]
    assert "disk full" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_dropped_stream_resumes_without_gaps_or_repeats(headgate: RunCommand, stub_server: StubServer) -> None:
    held = threading.Event()
    stub_server.next_run = run = a_run(held=held, per_stream=2)
    threading.Thread(target=lambda: _set_when(lambda: run.delivered == 5, held), daemon=True).start()

    result = headgate("trigger", "flights", "--watch", "--json")

    assert result.returncode == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["seq"] for line in lines[1:-1]] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["status"] == "completed"
    assert run.resumed_from[:3] == [None, "2", "4"]


def test_without_a_stream_the_run_is_polled_until_it_finishes(headgate: RunCommand, stub_server: StubServer) -> None:
    stub_server.next_run = a_run("failed", streams=False)

    result = headgate("trigger", "flights", "--watch")

    assert result.returncode == 1
    assert "flights#3 failed" in result.stdout


def test_a_unicode_line_separator_does_not_split_an_event(headgate: RunCommand, stub_server: StubServer) -> None:
    stub_server.next_run = run = a_run()
    run.events.insert(1, an_event(1, "stage.progress", "running", "load", message="a\u2028b\x85c"))
    run.events[:] = [event | {"seq": seq} for seq, event in enumerate(run.events, 1)]

    result = headgate("trigger", "flights", "--watch", "--json")

    assert json.loads(result.stdout.split("\n")[2])["data"]["message"] == "a\u2028b\x85c"


def test_the_process_exits_with_the_commands_code(stub_server: StubServer, tmp_path: Path) -> None:
    stub_server.next_run = a_run("failed")

    result = subprocess.run(
        build_argv("trigger", "flights", "--watch"),
        env=build_environment(stub_server.url),
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (result.returncode, result.stderr) == (1, b"")


def test_a_closed_pipe_ends_a_command_without_an_error(stub_server: StubServer, tmp_path: Path) -> None:
    stub_server.next_run = a_run("failed", log=[f"line {number} of a log that fills the pipe" for number in range(5_000)])

    for arguments in (("logs", "7"), ("status",), ("get", "7", "--json")):
        process = subprocess.Popen(
            build_argv(*arguments), env=build_environment(stub_server.url), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()

        assert (process.wait(60), errors) == (141, b""), arguments


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["in the foreground", "in the background of a script"])
def _tests_started(request: pytest.FixtureRequest) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_tests_started")
def test_ctrl_c_stops_the_watch_and_says_how_to_cancel(stub_server: StubServer, tmp_path: Path) -> None:
    stub_server.next_run = run = a_run(held=threading.Event())
    with run_in_foreground("trigger", "flights", "--watch", url=stub_server.url, folder=tmp_path) as process:
        _wait_until(lambda: run.delivered == 5)

        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert process.returncode == 130
    assert errors.strip() == "The run continues. Cancel it: headgate cancel flights#3"


def test_a_terminal_redraws_the_stages_in_place(stub_server: StubServer, tmp_path: Path) -> None:
    reader, terminal = pty.openpty()
    env = build_environment(stub_server.url) | {"TERM": "xterm-256color", "LINES": "40"}
    process = subprocess.Popen(
        build_argv("trigger", "flights", "--watch"), env=env, cwd=tmp_path, stdin=terminal, stdout=terminal, stderr=terminal
    )
    os.close(terminal)

    shown = _read_all(reader)

    assert process.wait(timeout=20) == 0
    assert "✔ completed" in shown
    assert "336,776 records" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor is visible again"


def _read_all(descriptor: int) -> str:
    parts: list[bytes] = []
    try:
        while part := os.read(descriptor, 65_536):
            parts.append(part)
    except OSError:  # how a pseudo-terminal reports that the other end is closed
        pass
    os.close(descriptor)
    return b"".join(parts).decode()


def _wait_until(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.01)


def _set_when(condition: object, event: threading.Event) -> None:
    _wait_until(condition)
    event.set()
