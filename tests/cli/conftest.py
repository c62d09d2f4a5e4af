from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.stand_in import StandIn, a_stand_in

ROOT = Path(__file__).resolve().parents[2]
Headgate = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with a_stand_in() as server:
        yield server


def environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    return kept | {"HEADGATE_URL": url, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def argv(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "entrypoints.cli", *map(str, arguments)]


@pytest.fixture
def headgate(stand_in: StandIn, tmp_path: Path) -> Headgate:
    """Runs the command as a user would, in an empty folder; nothing of it is a terminal."""

    def run(*arguments: object, url: str = stand_in.url, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv(*arguments), env=environment(url), cwd=tmp_path, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    return run
