from __future__ import annotations

from datetime import UTC, datetime

import pytest

from entrypoints.cli.actions.activation import parse_local_time
from tests.support.cli_stub_server import StubServer
from tests.unit.entrypoints.cli.conftest import RunCommand


@pytest.fixture(autouse=True)
def flights(stub_server: StubServer) -> None:
    stub_server.answer("POST", "/pipelines/", {}, {"name": "flights", "stages": [{"name": "a", "command": ["true"]}]})


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        (["pause"], "paused"),
        (["pause", "resume"], "active"),
        (["archive"], "archived"),
        (["pause", "archive"], "archived, paused"),
        (["archive", "unarchive"], "active"),
    ],
)
def test_the_state_is_changed_and_printed(headgate: RunCommand, stub_server: StubServer, commands: list[str], words: str) -> None:
    for command in commands:
        result = headgate(command, "flights")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"flights: {words}  {stub_server.url}/ui/pipelines/1\n"


def test_a_pause_may_end_at_a_time(headgate: RunCommand, stub_server: StubServer) -> None:
    result = headgate("pause", "flights", "--until", "2026-12-01T08:00+01:00")

    assert result.returncode == 0 and "flights: paused until 2026-" in result.stdout
    until = datetime.fromisoformat(stub_server.pipelines["flights"]["paused_until"])
    assert until.astimezone(UTC) == datetime(2026, 12, 1, 7, tzinfo=UTC)


def test_an_end_without_a_zone_is_a_time_of_this_machine() -> None:
    assert parse_local_time("2026-12-01T08:00") == datetime(2026, 12, 1, 8).astimezone()
    assert parse_local_time("2026-12-01") == datetime(2026, 12, 1).astimezone()


def test_an_end_that_is_no_time_is_refused(headgate: RunCommand, stub_server: StubServer) -> None:
    result = headgate("pause", "flights", "--until", "soon")

    assert result.returncode == 2
    assert result.stderr == "headgate: --until: soon is not a time such as 2026-12-01T08:00\n"
    assert stub_server.pipelines["flights"]["paused_at"] is None


@pytest.mark.parametrize("command", ["pause", "resume", "archive", "unarchive", "delete"])
def test_an_unknown_pipeline_is_named(headgate: RunCommand, command: str) -> None:
    result = headgate(command, "weather")

    assert result.returncode == 2 and "no pipeline weather" in result.stderr


def test_an_archived_pipeline_is_deleted_by_its_name(headgate: RunCommand, stub_server: StubServer) -> None:
    active = headgate("delete", "flights", "--confirm", "flights")
    headgate("archive", "flights")
    wrong = headgate("delete", "flights", "--confirm", "flight")
    unconfirmed = headgate("delete", "flights")
    assert "flights" in stub_server.pipelines

    deleted = headgate("delete", "flights", "--confirm", "flights")

    assert (active.returncode, active.stderr) == (2, "headgate: flights is not archived. Archive it first.\n")
    assert (wrong.returncode, wrong.stderr) == (2, "headgate: confirm: must be the pipeline's name, flights\n")
    assert unconfirmed.returncode == 1
    assert "headgate: nothing was deleted. To delete without a question, add --confirm flights\n" in unconfirmed.stderr
    assert (deleted.returncode, deleted.stdout) == (0, "flights: deleted\n")
    assert stub_server.pipelines == {}


@pytest.mark.parametrize(("typed", "code"), [("flights", 0), ("flight", 1), ("", 1)])
def test_a_person_types_the_name(headgate: RunCommand, stub_server: StubServer, typed: str, code: int) -> None:
    headgate("archive", "flights")

    result = headgate("delete", "flights", stdin=f"{typed}\n")

    assert result.returncode == code, result
    assert ("flights" in stub_server.pipelines) is bool(code)
    assert "Type its name to confirm" in result.stdout


def test_a_file_with_an_old_name_of_a_pipeline_is_refused(headgate: RunCommand, stub_server: StubServer) -> None:
    stub_server.pipelines["nightly"] = stub_server.pipelines["flights"]

    result = headgate("apply", "-", stdin="{name: nightly, stages: [{name: a, command: [echo]}]}")

    assert result.returncode == 1
    assert "name: nightly is the old name of flights; change it in the file" in result.stderr
    assert stub_server.pipelines["flights"]["revision"] == 1


def test_the_status_says_that_a_pipeline_is_paused(headgate: RunCommand) -> None:
    headgate("pause", "flights")

    board, one = headgate("status"), headgate("status", "flights")

    assert "paused." in board.stdout.splitlines()[0]
    assert "paused" in one.stdout.splitlines()


def test_applying_a_file_says_that_its_pipeline_stays_paused(headgate: RunCommand, stub_server: StubServer) -> None:
    headgate("pause", "flights")

    result = headgate("apply", "-", stdin="{name: flights, stages: [{name: a, command: ['true']}]}")

    assert result.stdout.startswith("flights: unchanged, revision 1, paused  ")
    assert stub_server.pipelines["flights"]["paused_at"] is not None
