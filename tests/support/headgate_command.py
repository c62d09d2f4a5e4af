"""Start the `headgate` command as a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build_argv(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "entrypoints.cli", *map(str, arguments)]


def build_environment(url: str) -> dict[str, str]:
    """Return this process's environment without its Headgate settings, with HEADGATE_URL set."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    return inherited | {"HEADGATE_URL": url, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}


@contextmanager
def run_in_foreground(*arguments: object, url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the command with pipes until the block ends. Ctrl-C (SIGINT) ends it, as if it were started in a terminal.

    A script's shell ignores SIGINT in the commands that it starts with `&`, and their processes inherit this. The tests may be one of them.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            build_argv(*arguments), env=build_environment(url), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()
