from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from entrypoints.cli.app import app
from entrypoints.cli.error_reporting import is_known_error
from tests.support.cli_stub_server import StubServer, run_stub_server


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The outcome of a command, named as in `subprocess.CompletedProcess`."""

    returncode: int
    stdout: str
    stderr: str


RunCommand = Callable[..., CommandResult]


@pytest.fixture
def stub_server() -> Iterator[StubServer]:
    with run_stub_server() as server:
        yield server


@pytest.fixture
def headgate(stub_server: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """A function that runs a command in an empty folder, in this process for speed. Its output is not a terminal."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, url: str = stub_server.url, stdin: str = "") -> CommandResult:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, env={"HEADGATE_URL": url})
        if isinstance(result.exception, Exception) and is_known_error(result.exception):
            return CommandResult(2, result.stdout, f"headgate: {result.exception}\n")  # as the command's entry point prints it
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return CommandResult(result.exit_code, result.stdout, result.stderr)

    return run
