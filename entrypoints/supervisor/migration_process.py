"""Migrate the database in a child process: the supervisor runs for months and would keep the 35 MB that Alembic takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from entrypoints.supervisor.instance_lock import StartError

_ROOT = Path(__file__).resolve().parents[2]


class MigrationProcess:
    """Call it once with the database's URL to upgrade the schema. The process loads its libraries while PostgreSQL starts."""

    def __init__(self) -> None:
        self._is_running = False
        argv = [sys.executable, "-P", "-m", "entrypoints.supervisor.migration_program"]
        self._process = subprocess.Popen(
            argv,
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def __call__(self, url: str) -> None:
        """Block until the schema is upgraded. Raise StartError with the reason if that fails.

        The URL travels over standard input, so that no process list shows its password.
        """
        self._is_running = True
        _, output = self._process.communicate(url)
        if self._process.returncode:
            raise StartError((output.strip().splitlines() or ["The database could not be migrated."])[-1])

    def end(self) -> None:
        """Kill the process. An interrupted migration is rolled back."""
        self._process.kill()
        if self._is_running:
            self._process.wait()  # the caller of __call__ reads the output
        else:
            self._process.communicate()
