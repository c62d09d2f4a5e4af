from __future__ import annotations

from pathlib import Path

from tests.support.cli_stub_server import StubServer
from tests.unit.entrypoints.cli.conftest import RunCommand

FLIGHTS = """
name: flights
stages:
  - {name: extract, command: [echo, one], retries: 1}
  - {name: export, command: [echo, two]}
"""


def test_a_new_pipeline_is_created(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)

    result = headgate("apply", "flights.yaml")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "flights: created, 2 stages  (flights.yaml)\n"
    assert stub_server.pipelines["flights"]["stages"][1]["needs"] == ["extract"]


def test_applying_a_definition_again_changes_nothing(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)
    headgate("apply", "flights.yaml")

    result = headgate("apply", "flights.yaml")

    assert result.returncode == 0
    assert result.stdout == "flights: unchanged, revision 1  (flights.yaml)\n"


def test_a_change_is_listed_by_stage_and_key(headgate: RunCommand, tmp_path: Path) -> None:
    file = tmp_path / "flights.yaml"
    file.write_text(FLIGHTS)
    headgate("apply", file)
    file.write_text("""
name: flights
description: Delays
stages:
  - {name: extract, command: [echo, one], retries: 3}
  - {name: chart, command: [echo, three]}
""")

    result = headgate("apply", file)

    assert result.returncode == 0
    assert [line.strip() for line in result.stdout.splitlines()] == [
        f"flights: revision 2  ({file})",
        "added stage chart",
        "removed stage export",
        "changed stage extract (retries 1 → 3)",
        'changed description "" → "Delays"',
    ]


def test_problems_are_printed_by_field_and_other_definitions_are_applied(
    headgate: RunCommand, stub_server: StubServer, tmp_path: Path
) -> None:
    (tmp_path / "all.yaml").write_text(FLIGHTS + "---\nname: wrong\nstages:\n  - {name: a, command: [x], timeout: -1, tmeout: 3}\n")

    result = headgate("apply", "all.yaml")

    assert result.returncode == 1
    assert "flights: created" in result.stdout
    *lines, rule = result.stderr.splitlines()
    assert rule.startswith("headgate: 1 definition was refused. Valid definitions are applied all the same")
    assert [line.split(": ")[:2] for line in lines] == [["all.yaml #2", "stages[0].tmeout"], ["all.yaml #2", "stages[0].timeout"]]
    assert list(stub_server.pipelines) == ["flights"]


def test_a_folder_includes_every_definition_below_it(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "team" / "deep").mkdir(parents=True)
    (tmp_path / "team" / "flights.yml").write_text(FLIGHTS)
    (tmp_path / "team" / "deep" / "b.json").write_text('{"name": "b", "stages": [{"name": "x", "kind": "external"}]}')
    (tmp_path / "team" / "notes.txt").write_text("no definition")

    result = headgate("apply", "team")

    assert result.returncode == 0
    assert set(stub_server.pipelines) == {"flights", "b"}


def test_two_definitions_with_the_same_name_are_both_skipped(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FLIGHTS)
    (tmp_path / "b.yaml").write_text(FLIGHTS)

    result = headgate("apply", "a.yaml", "b.yaml")

    assert result.returncode == 1
    assert "b.yaml: name: flights is also defined in a.yaml" in result.stderr
    assert stub_server.pipelines == {}


def test_unreadable_files_are_named(headgate: RunCommand, tmp_path: Path) -> None:
    broken = {
        "tab.yaml": "name: x\n\tstages: []",
        "twice.yaml": "name: x\nname: y",
        "list.json": "[1]",
        "nan.yaml": "{name: x, timeout: .nan}",
        "latin.yaml": b"name: \xe9",
        "empty.yaml": "",
        "number.yaml": "1: x",
    }
    for name, content in broken.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    result = headgate("apply", *broken, "absent.yaml")

    assert result.returncode == 1
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == [*broken, "absent.yaml"]
    assert "twice.yaml: line 2, column 1: duplicate key name" in result.stderr


def test_a_numeric_name_never_changes_the_pipeline_with_that_id(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)
    headgate("apply", "flights.yaml")
    (tmp_path / "one.yaml").write_text(FLIGHTS.replace("name: flights", 'name: "1"'))

    result = headgate("apply", "one.yaml")

    assert result.returncode == 1
    assert "one.yaml: name: must begin with a letter" in result.stderr
    assert stub_server.pipelines["flights"]["revision"] == 1


def test_a_yaml_date_is_read_as_text(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("name: d\ndescription: 2013-01-01\nstages: [{name: a, kind: external}]")

    assert headgate("apply", "d.yaml").returncode == 0
    assert stub_server.pipelines["d"]["description"] == "2013-01-01"


def test_an_unreachable_server_is_exit_code_2(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)

    for url in ("http://127.0.0.1:1", "http://[broken", "ftp://127.0.0.1:1"):
        result = headgate("apply", "flights.yaml", url=url)

        assert result.returncode == 2, result
        assert result.stderr.startswith("headgate: ")
        assert len(result.stderr.splitlines()) == 1


def test_an_unavailable_database_is_exit_code_2(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)
    stub_server.unavailable = 1

    result = headgate("apply", "flights.yaml")

    assert result.returncode == 2
    assert result.stderr == "headgate: The database does not respond.\n"
