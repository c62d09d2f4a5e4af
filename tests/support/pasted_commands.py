"""Run commands as a reader pastes them: in a shell where `make` finds the Makefile and `headgate` is that of the checkout."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.support.forked_commands import build_script
from tests.support.paths import ROOT

SECONDS: Final = 120.0
_NOT_INHERITED: Final = re.compile(r"(HEADGATE|PREFECT)_.*|MAKEFLAGS|MAKELEVEL|MAKEOVERRIDES|MFLAGS|ARGS")
"""Settings of other installations, and what `make test` passes on to every `make` below it."""


def build_shell_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which the Makefile finds its dependencies installed, in a virtual environment below the folder."""
    venv = folder / "venv"
    (venv / "bin").mkdir(parents=True, exist_ok=True)
    for name, script in (("python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'), ("headgate", build_script())):
        (venv / "bin" / name).write_text(script)
        (venv / "bin" / name).chmod(0o755)
    (venv / "location").write_text("{}\n{}.{}\n".format(ROOT.resolve(), *sys.version_info[:2]), encoding="utf-8")
    for target in ("tools.stamp", "run.stamp", "test.stamp"):
        (venv / target).touch()
    inherited = {name: value for name, value in os.environ.items() if not _NOT_INHERITED.fullmatch(name)}
    path = f"{venv / 'bin'}:{os.environ['PATH']}"
    no_proxy = ",".join(filter(None, ["127.0.0.1", os.environ.get("NO_PROXY")]))
    return inherited | {"VENV": str(venv), "PATH": path, "PYTHONPATH": str(ROOT), "NO_PROXY": no_proxy, "COLUMNS": "120"}


def replace_each(text: str, replacements: Mapping[str, str]) -> str:
    """Return the text with all replacements made. Fail if it does not contain one of them."""
    for old, new in replacements.items():
        assert old in text, f"{old!r} is not in {text!r}"
        text = text.replace(old, new)
    return text


class Shell:
    """Runs commands in one folder with one environment."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)

    def run(self, commands: str) -> str:
        """Return what the commands print. Fail if one of them fails."""
        done = subprocess.run(
            ["sh", "-euc", commands], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, (commands, done.stdout, done.stderr)
        return done.stdout

    def run_in_terminal(self, commands: str, answers: Sequence[tuple[str, str]]) -> str:
        """Return everything that the terminal shows. `answers` are pairs of a prompt and the line to type when it appears."""
        reader, terminal = pty.openpty()
        process = subprocess.Popen(
            ["sh", "-euc", commands],
            cwd=self.folder,
            env=self.environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        try:
            shown = _type_answers(reader, answers)
            assert process.wait(SECONDS) == 0, shown
        finally:
            os.close(reader)
            process.kill()
            process.wait()
        return shown

    @contextlib.contextmanager
    def running(self, commands: str, log: Path) -> Iterator[None]:
        """Run the commands within the block; press Ctrl-C at its end. Their output goes to the log."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                ["sh", "-euc", commands],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield
        finally:
            print(log.read_text(errors="replace"))
            press_ctrl_c(process)


def press_ctrl_c(process: subprocess.Popen[bytes]) -> int:
    """Interrupt the process and its group, as a terminal does, and return the exit code."""
    return end_group(process, signal.SIGINT)


def end_group(process: subprocess.Popen[bytes], number: signal.Signals, seconds: float = 40) -> int:
    """Send a signal to the process group and return the exit code of its first process. Kill the group if that does not end in time."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def _type_answers(reader: int, answers: Sequence[tuple[str, str]]) -> str:
    """Return what the terminal shows until its other end is closed."""
    shown, seen, remaining = "", 0, list(answers)
    deadline = time.monotonic() + SECONDS
    with contextlib.suppress(OSError):  # how a pseudo-terminal reports that its other end is closed
        while select.select([reader], [], [], max(0.0, deadline - time.monotonic()))[0] and (part := os.read(reader, 65_536)):
            shown += part.decode(errors="replace")
            if remaining and remaining[0][0] in shown[seen:]:
                seen = len(shown)
                os.write(reader, f"{remaining.pop(0)[1]}\n".encode())
    assert not remaining, shown
    return shown
