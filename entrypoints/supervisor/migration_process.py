"""Migrating in a process of its own: `headgate up` stays for as long as everything runs, and need not keep what only that needs (35 MB)."""

from __future__ import annotations

import subprocess
import sys

from entrypoints.supervisor.instance_lock import StartError


class MigrationProcess:
    """Loads what it needs while PostgreSQL starts. Called with the database's URL it brings that to the newest schema."""

    def __init__(self) -> None:
        self._begun = False
        argv = [sys.executable, "-P", "-m", "adapters.persistence.migrate"]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def __call__(self, url: str) -> None:
        """Blocking. StartError with the reason when it is not possible. By its input, so that no list of processes shows a password."""
        self._begun = True
        _, said = self._process.communicate(url)
        if self._process.returncode:
            raise StartError((said.strip().splitlines() or ["The database could not be migrated."])[-1])

    def end(self) -> None:
        """Whatever it is at: a migration that is cut off leaves the schema as it was."""
        self._process.kill()
        if self._begun:
            self._process.wait()  # whoever called reads what it said
        else:
            self._process.communicate()
