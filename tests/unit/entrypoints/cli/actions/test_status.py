from __future__ import annotations

import json
import threading

from tests.support.cli_stub_server import StubServer, a_run
from tests.unit.entrypoints.cli.conftest import RunCommand


def _create_pipelines(stub_server: StubServer, *names: str) -> None:
    for name in names:
        definition = {"name": name, "description": f"About {name}", "stages": [{"name": "load", "command": ["true"]}]}
        assert stub_server.answer("POST", "/pipelines/", {}, definition)[0] == 201


def test_the_board_lists_every_pipeline_sorted_by_name(headgate: RunCommand, stub_server: StubServer) -> None:
    _create_pipelines(stub_server, *(f"p{number:03}" for number in reversed(range(120))))
    stub_server.answer("POST", "/trigger/p001", {}, {"parameters": {}})
    stub_server.next_run = a_run("failed")

    result = headgate("status")

    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [f"p{number:03}" for number in range(120)]
    assert lines[0].split("  ")[1].strip() == "pending"
    assert lines[1].split()[1:3] == ["failed", "#3"]
    assert lines[1].endswith("It is failed.")


def test_an_active_run_is_explained(headgate: RunCommand, stub_server: StubServer) -> None:
    _create_pipelines(stub_server, "flights")
    stub_server.answer("POST", "/trigger/flights", {}, {"parameters": {}})
    stub_server.next_run = a_run(held=threading.Event())

    assert headgate("status").stdout.rstrip().endswith("It is running.")


def test_an_empty_board_says_how_to_create_a_pipeline(headgate: RunCommand) -> None:
    assert "headgate apply" in headgate("status").stdout


def test_a_name_shows_the_pipeline_and_its_runs(headgate: RunCommand, stub_server: StubServer) -> None:
    _create_pipelines(stub_server, "flights")
    stub_server.answer("POST", "/trigger/flights", {}, {"parameters": {}})

    lines = headgate("status", "flights").stdout.splitlines()

    assert lines[0] == "flights  revision 1  About flights"
    assert lines[1] == "stages: load"
    assert lines[2].split()[:2] == ["flights#3", "completed"]


def test_a_number_shows_the_run_and_its_stages(headgate: RunCommand, stub_server: StubServer) -> None:
    stub_server.next_run = a_run("failed")

    lines = headgate("status", "7").stdout.splitlines()

    assert lines[0].startswith("flights#3  failed  2 s")
    assert lines[1].split() == ["load", "failed", "0", "s", "disk", "full"]
    assert lines[2] == "It is failed."


def test_json_output_is_that_of_the_api(headgate: RunCommand, stub_server: StubServer) -> None:
    _create_pipelines(stub_server, "flights")

    (pipeline,) = json.loads(headgate("status", "--json").stdout)

    assert pipeline["name"] == "flights"
    assert pipeline["latest_run"] is None


def test_an_unknown_pipeline_or_run_is_exit_code_2(headgate: RunCommand) -> None:
    for target in ("nothing", "99"):
        result = headgate("status", target)

        assert result.returncode == 2
        assert f"{target} at http" in result.stderr
