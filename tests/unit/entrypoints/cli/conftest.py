from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from entrypoints.cli.commands.pipelines import register_commands
from tests.support.cli_stub_server import StubServer, run_stub_server

ROOT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended, in the words of subprocess."""

    returncode: int
    stdout: str
    stderr: str


Headgate = Callable[..., CommandResult]


@pytest.fixture
def stub_server() -> Iterator[StubServer]:
    with run_stub_server() as server:
        yield server


@pytest.fixture
def headgate(stub_server: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Headgate:
    """Runs a command in an empty folder, in this process for speed; nothing of it is a terminal."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    register_commands(app)

    def run(*arguments: object, url: str = stub_server.url, stdin: str = "") -> CommandResult:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, env={"HEADGATE_URL": url})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return CommandResult(result.exit_code, result.stdout, result.stderr)

    return run


def environment(url: str) -> dict[str, str]:
    """For a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    return kept | {"HEADGATE_URL": url, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def argv(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "entrypoints.cli.app", *map(str, arguments)]
