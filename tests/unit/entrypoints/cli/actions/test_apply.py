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


def test_a_new_pipeline_is_created_and_said_to_be(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)

    done = headgate("apply", "flights.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "flights: created, 2 stages  (flights.yaml)\n"
    assert stub_server.pipelines["flights"]["stages"][1]["needs"] == ["extract"]


def test_what_is_applied_again_is_unchanged(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)
    headgate("apply", "flights.yaml")

    done = headgate("apply", "flights.yaml")

    assert done.returncode == 0
    assert done.stdout == "flights: unchanged, revision 1  (flights.yaml)\n"


def test_a_change_names_stages_and_keys(headgate: RunCommand, tmp_path: Path) -> None:
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

    done = headgate("apply", file)

    assert done.returncode == 0
    assert [line.strip() for line in done.stdout.splitlines()] == [
        f"flights: revision 2  ({file})",
        "added stage chart",
        "removed stage export",
        "changed stage extract (retries 1 → 3)",
        'changed description "" → "Delays"',
    ]


def test_problems_are_told_field_by_field_and_the_rest_is_applied(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(FLIGHTS + "---\nname: wrong\nstages:\n  - {name: a, command: [x], timeout: -1, tmeout: 3}\n")

    done = headgate("apply", "all.yaml")

    assert done.returncode == 1
    assert "flights: created" in done.stdout
    lines = done.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["all.yaml #2", "stages[0].tmeout"], ["all.yaml #2", "stages[0].timeout"]]
    assert list(stub_server.pipelines) == ["flights"]


def test_a_folder_stands_for_every_definition_below_it(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "team" / "deep").mkdir(parents=True)
    (tmp_path / "team" / "flights.yml").write_text(FLIGHTS)
    (tmp_path / "team" / "deep" / "b.json").write_text('{"name": "b", "stages": [{"name": "x", "kind": "external"}]}')
    (tmp_path / "team" / "notes.txt").write_text("no definition")

    done = headgate("apply", "team")

    assert done.returncode == 0
    assert set(stub_server.pipelines) == {"flights", "b"}


def test_two_definitions_of_one_name_are_both_left_out(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FLIGHTS)
    (tmp_path / "b.yaml").write_text(FLIGHTS)

    done = headgate("apply", "a.yaml", "b.yaml")

    assert done.returncode == 1
    assert "b.yaml: name: flights is also defined in a.yaml" in done.stderr
    assert stub_server.pipelines == {}


def test_files_that_cannot_be_read_are_named(headgate: RunCommand, tmp_path: Path) -> None:
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

    done = headgate("apply", *broken, "absent.yaml")

    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [*broken, "absent.yaml"]
    assert "twice.yaml: line 2, column 1: duplicate key name" in done.stderr


def test_a_number_for_a_name_never_changes_the_pipeline_of_that_id(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)
    headgate("apply", "flights.yaml")
    (tmp_path / "one.yaml").write_text(FLIGHTS.replace("name: flights", 'name: "1"'))

    done = headgate("apply", "one.yaml")

    assert done.returncode == 1
    assert "one.yaml: name: must begin with a letter" in done.stderr
    assert stub_server.pipelines["flights"]["revision"] == 1


def test_a_date_in_yaml_stays_the_text_it_is(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("name: d\ndescription: 2013-01-01\nstages: [{name: a, kind: external}]")

    assert headgate("apply", "d.yaml").returncode == 0
    assert stub_server.pipelines["d"]["description"] == "2013-01-01"


def test_nobody_at_the_address_is_exit_code_2(headgate: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)

    for url in ("http://127.0.0.1:1", "http://[broken", "ftp://127.0.0.1:1"):
        done = headgate("apply", "flights.yaml", url=url)

        assert done.returncode == 2, done
        assert done.stderr.startswith("headgate: ")
        assert len(done.stderr.splitlines()) == 1


def test_a_database_that_is_away_is_exit_code_2(headgate: RunCommand, stub_server: StubServer, tmp_path: Path) -> None:
    (tmp_path / "flights.yaml").write_text(FLIGHTS)
    stub_server.unavailable = 1

    done = headgate("apply", "flights.yaml")

    assert done.returncode == 2
    assert done.stderr == "headgate: The database does not answer.\n"
