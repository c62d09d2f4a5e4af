"""Start the `headgate` command as a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build_argv(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "entrypoints.cli", *map(str, arguments)]


def build_environment(url: str) -> dict[str, str]:
    """Return this process's environment without its Headgate settings, with HEADGATE_URL set."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    return inherited | {"HEADGATE_URL": url, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}
