"""Run a command of Headgate that is expected to end by itself, and check what it writes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.forked_commands import build_forked_argv
from tests.support.paths import ROOT

SECONDS = 120


def run_command(*arguments: str, cwd: Path = ROOT, before: Callable[[], object] | None = None, **environment: str) -> tuple[int, str]:
    """Return the exit code and what the command wrote to stderr. `before` runs in the new process, before Headgate does."""
    argv = [sys.executable, "-P", "-m", "entrypoints.cli", *arguments]
    variables = _build_environment(environment)
    ended = subprocess.run(argv, cwd=cwd, env=variables, capture_output=True, timeout=SECONDS, preexec_fn=before)
    return ended.returncode, ended.stderr.decode("utf-8", "replace")


def run_forked_command(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return what `run_command` does. The command is a fork of a process that has imported it, which takes much less time."""
    argv = build_forked_argv(*arguments)
    ended = subprocess.run(argv, cwd=ROOT, env=_build_environment(environment), capture_output=True, timeout=SECONDS, check=False)
    return ended.returncode, ended.stderr.decode("utf-8", "replace")


def assert_one_line(result: tuple[int, str], *words: str) -> None:
    """Assert that the command ended with code 2 and one line that contains the words."""
    code, text = result
    assert code == 2, text
    assert len(text.splitlines()) == 1, text
    assert [word for word in words if word not in text] == [], text


def replace_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables that also unset the language of the surrounding shell."""
    return {"LANG": "", "LC_ALL": "", "LC_CTYPE": "", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"} | dict(variables)


def _build_environment(environment: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PREFECT_", "DD_"))}
    return inherited | {"PYTHONPATH": str(ROOT), "HEADGATE_TELEMETRY": "off", **environment}
