"""A stand-in for `systemctl` on a machine without systemd: it runs the commands of unit files with their environments.

Arguments: a folder for its own files, a folder of unit files, and those of systemctl. A unit's processes get the variables of the stand-in
whose names begin with `MACHINE_`, without this prefix: what differs between machines, such as the authorities that a machine trusts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.support.systemd_units import Unit, read_unit

_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PREFIX: Final = "MACHINE_"


class Manager:
    """Starts and stops the units of one machine. `folder` has a log and, while it runs, the pid of each."""

    def __init__(self, folder: Path, units: Path) -> None:
        self._folder = folder
        self._units = units

    def start(self, name: str) -> None:
        """Start a unit after those that it wants and that exist here. Raise CalledProcessError if a oneshot unit fails."""
        unit = read_unit(self._units, name)
        for other in self._list_wanted(unit):
            self.start(other)
        if self.read_pid(unit.name) is not None:
            return
        with (self._folder / f"{unit.name}.log").open("ab") as log:
            process = subprocess.Popen(
                unit.command,
                cwd=self._prepare_folders(unit),
                env=self._build_environment(unit),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if unit.is_oneshot:
            if process.wait() != 0:
                raise subprocess.CalledProcessError(process.returncode, unit.command)
        else:
            self.get_stop_file(unit.name).unlink(missing_ok=True)
            self._get_pid_file(unit.name).write_text(str(process.pid))

    def stop(self, name: str) -> None:
        """Stop a unit as its KillMode says. Kill what is left of it after TimeoutStopSec."""
        unit = read_unit(self._units, name)
        pid = self.read_pid(unit.name)
        if pid is None:
            return
        send = os.kill if unit.get("Service", "KillMode") == "mixed" else os.killpg
        send(pid, signal.SIGTERM)
        self.get_stop_file(unit.name).touch()
        deadline = time.monotonic() + unit.stop_seconds
        while _is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        self._get_pid_file(unit.name).unlink()

    def read_pid(self, name: str) -> int | None:
        """Return the process of a unit that runs."""
        with contextlib.suppress(FileNotFoundError):
            pid = int(self._get_pid_file(name).read_text())
            return pid if _is_running(pid) else None
        return None

    def get_stop_file(self, name: str) -> Path:
        """Return the file that exists once a unit has been asked to stop."""
        return self._folder / f"{name}.stopped"

    def _get_pid_file(self, name: str) -> Path:
        return self._folder / f"{name}.pid"

    def _list_wanted(self, unit: Unit) -> Iterator[str]:
        """Yield the wanted units that are started before this one. Those of the system are running."""
        after = set(unit.words("Unit", "After"))
        for name in unit.words("Unit", "Wants"):
            if (self._units / name).exists():
                assert name in after, f"{unit.name} starts {name} at the same time"
                yield name

    def _build_environment(self, unit: Unit) -> dict[str, str]:
        for path in unit.words("Service", "EnvironmentFile"):
            mode = Path(path).stat().st_mode & 0o777
            assert mode == 0o600, f"{path} has mode {mode:o}"
        machine = {name.removeprefix(_PREFIX): value for name, value in os.environ.items() if name.startswith(_PREFIX)}
        return {"PATH": _PATH, "LANG": "C.UTF-8"} | machine | unit.build_environment()

    def _prepare_folders(self, unit: Unit) -> str:
        """Create the state directories, and return the working directory, which is below the first of them."""
        working = Path(unit.get("Service", "WorkingDirectory"))
        first, *more = unit.words("Service", "StateDirectory")
        state = Path(str(working)[: str(working).index(f"/{first}") + len(first) + 1])
        for each in (state, *(state.parent / name for name in more)):
            each.mkdir(parents=True, exist_ok=True)
            each.chmod(int(unit.get("Service", "StateDirectoryMode"), 8))
        return str(working)


def _is_running(pid: int) -> bool:
    """Return whether the process exists and is not waiting for its parent to read its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def main() -> int:
    parser = argparse.ArgumentParser("systemctl")
    parser.add_argument("folder", type=Path)
    parser.add_argument("units", type=Path)
    parser.add_argument("command", choices=("daemon-reload", "enable", "start", "stop", "restart"))
    parser.add_argument("--now", action="store_true")
    parser.add_argument("names", nargs="*")
    found = parser.parse_intermixed_args()
    manager = Manager(found.folder, found.units)
    for name in found.names:
        if found.command in ("stop", "restart"):
            manager.stop(name)
        if found.command != "stop":
            manager.start(name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
