from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.support.cli_stub_server import StubServer, a_run, an_event
from tests.support.headgate_command import build_argv, build_environment
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


def test_a_trigger_says_which_run_and_where_to_look(headgate: RunCommand, stub_server: StubServer) -> None:
    done = headgate("trigger", "flights")

    assert done.returncode == 0
    assert done.stdout == f"flights #3 queued  {stub_server.url}/ui/runs/7\n"
    assert stub_server.triggered == [{"pipeline": "flights", "parameters": {}}]


def test_parameters_get_the_type_the_schema_asks_for(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text('{"month": 1, "kept": null}')
    given = ["month=3", "code=007", "all=true", 'tags=["a"]', "other=x=y"]

    done = headgate("trigger", "flights", "--params-file", "p.json", *(part for one in given for part in ("--param", one)))

    assert done.returncode == 0, done.stderr
    assert stub_server.triggered[0]["parameters"] == {"month": 3, "kept": None, "code": "007", "all": True, "tags": ["a"], "other": "x=y"}


def test_parameters_may_come_by_standard_input(headgate: RunCommand, stub_server: StubServer) -> None:
    assert headgate("trigger", "flights", "--params-file", "-", stdin='{"month": 4}').returncode == 0
    assert stub_server.triggered[0]["parameters"] == {"month": 4}


@pytest.mark.parametrize("arguments", [["--param", "month"], ["--params-file", "absent.json"], ["--params-file", "-"]])
def test_what_is_no_parameter_is_exit_code_2(headgate: RunCommand, stub_server: StubServer, arguments: list[str]) -> None:
    done = headgate("trigger", "flights", *arguments, stdin="[1]")

    assert done.returncode == 2
    assert done.stderr.startswith(f"headgate: {arguments[0]} {arguments[1]}: ")
    assert stub_server.triggered == []


def test_an_unknown_pipeline_is_exit_code_2(headgate: RunCommand) -> None:
    done = headgate("trigger", "fligths")

    assert done.returncode == 2
    assert "there is no pipeline fligths" in done.stderr


def test_a_watched_run_tells_every_move_once_and_ends_with_0(headgate: RunCommand) -> None:
    done = headgate("trigger", "flights", "--watch")

    assert done.returncode == 0, done.stderr
    words = [line.split("  ") for line in done.stdout.splitlines()]
    assert [line[1:] for line in words[1:4]] == [["load", "queued"], ["load", "running"], ["load", "completed", "2 s", "336,776 records"]]
    assert done.stdout.splitlines()[-1] == "flights #3 completed (2 s): It is completed."


@pytest.mark.parametrize("ends", ["failed", "cancelled", "lost"])
def test_a_run_that_did_not_complete_is_exit_code_1(headgate: RunCommand, stub_server: StubServer, ends: str) -> None:
    stub_server.next_run = a_run(ends)

    assert headgate("trigger", "flights", "--watch").returncode == 1


def test_a_failed_stage_shows_the_end_of_its_log_and_moves_no_cursor(headgate: RunCommand, stub_server: StubServer) -> None:
    stub_server.next_run = a_run("failed", log=[f"line {n}" for n in range(2_000)] + ["\x1b]0;title\x07last\x1b[2J"])

    done = headgate("trigger", "flights", "--watch")

    tail = [line.strip() for line in done.stdout.split("--- the end of load's log\n")[1].splitlines()[:-1]]
    assert tail == [f"line {n}" for n in range(1_981, 2_000)] + ["last"]
    assert "disk full" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_dropped_stream_is_resumed_without_a_gap_or_a_repeat(headgate: RunCommand, stub_server: StubServer) -> None:
    held = threading.Event()
    stub_server.next_run = run = a_run(held=held, per_stream=2)
    threading.Thread(target=lambda: _when(lambda: run.delivered == 5, held), daemon=True).start()

    done = headgate("trigger", "flights", "--watch", "--json")

    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["seq"] for line in lines[1:-1]] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["status"] == "completed"
    assert run.resumed_from[:3] == [None, "2", "4"]


def test_without_a_stream_the_run_is_asked_for_until_it_is_over(headgate: RunCommand, stub_server: StubServer) -> None:
    stub_server.next_run = a_run("failed", streams=False)

    done = headgate("trigger", "flights", "--watch")

    assert done.returncode == 1
    assert "flights #3 failed" in done.stdout


def test_a_text_with_a_line_separator_of_unicode_is_one_event(headgate: RunCommand, stub_server: StubServer) -> None:
    stub_server.next_run = run = a_run()
    run.events.insert(1, an_event(1, "stage.progress", "running", "load", message="a\u2028b\x85c"))
    run.events[:] = [event | {"seq": seq} for seq, event in enumerate(run.events, 1)]

    done = headgate("trigger", "flights", "--watch", "--json")

    assert json.loads(done.stdout.split("\n")[2])["data"]["message"] == "a\u2028b\x85c"


def test_the_exit_code_is_that_of_the_process(stub_server: StubServer, tmp_path: Path) -> None:
    stub_server.next_run = a_run("failed")

    done = subprocess.run(
        build_argv("trigger", "flights", "--watch"),
        env=build_environment(stub_server.url),
        cwd=tmp_path,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, b"")


def test_ctrl_c_stops_the_watching_and_tells_how_to_cancel(stub_server: StubServer, tmp_path: Path) -> None:
    stub_server.next_run = run = a_run(held=threading.Event())
    process = subprocess.Popen(
        build_argv("trigger", "flights", "--watch"),
        env=build_environment(stub_server.url),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait(lambda: run.delivered == 5)

    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)

    assert process.returncode == 130
    assert said.strip() == "headgate: run 7 continues. To cancel it: headgate cancel 7"


def test_a_terminal_shows_the_stages_in_place(stub_server: StubServer, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    terminal = build_environment(stub_server.url) | {"TERM": "xterm-256color", "LINES": "40"}
    process = subprocess.Popen(
        build_argv("trigger", "flights", "--watch"), env=terminal, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)

    shown = _read_all(ours)

    assert process.wait(timeout=20) == 0
    assert "✔ completed" in shown
    assert "336,776 records" in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor is shown again"


def _read_all(descriptor: int) -> str:
    parts: list[bytes] = []
    try:
        while part := os.read(descriptor, 65_536):
            parts.append(part)
    except OSError:  # the other end is closed: so a pseudo-terminal says the end of file
        pass
    os.close(descriptor)
    return b"".join(parts).decode()


def _wait(condition: object, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.01)


def _when(condition: object, event: threading.Event) -> None:
    _wait(condition)
    event.set()
