from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from entrypoints.commands_cli import register
from tests.cli.stand_in import StandIn, a_stand_in

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, in the words of subprocess."""

    returncode: int
    stdout: str
    stderr: str


Headgate = Callable[..., Done]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with a_stand_in() as server:
        yield server


@pytest.fixture
def headgate(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Headgate:
    """Runs a command in an empty folder, in this process for speed; nothing of it is a terminal."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    register(app)

    def run(*arguments: object, url: str = stand_in.url, stdin: str = "") -> Done:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin, env={"HEADGATE_URL": url})
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


def environment(url: str) -> dict[str, str]:
    """For a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    return kept | {"HEADGATE_URL": url, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def argv(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "entrypoints.cli", *map(str, arguments)]
