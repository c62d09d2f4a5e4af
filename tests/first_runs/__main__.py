"""Run Headgate to its first completed run on each Python of this machine, in bare surroundings: `python -m tests.first_runs`.

Once from a checkout with `make run`, and once from a wheel in an empty folder.
"""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.first_runs.checkout import FirstRunError, complete_first_run, copy_checkout, running
from tests.first_runs.pythons import find_pythons
from tests.first_runs.wheel import build, install_wheel
from tests.support.ports import find_free_port

_KEPT: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "no_proxy")
_KEPT_PREFIXES: Final = ("PIP_", "UV_")
_LOCALES: Final = ("C", "POSIX", "xx_XX.UTF-8", "C")
"""The last but one is not installed anywhere."""


@dataclass(frozen=True)
class FirstRun:
    """A Python, a locale, a user and what is installed: a wheel, or a copy of the checkout. `user` is None for the user that runs this."""

    version: str
    python: Path
    locale: str
    user: str | None = None
    wheel: Path | None = None

    def __str__(self) -> str:
        user = self.user or pwd.getpwuid(os.geteuid()).pw_name
        return f"{'wheel' if self.wheel else 'checkout'}, Python {self.version}, LC_ALL={self.locale}, user {user}"

    def run(self, folder: Path) -> None:
        """Install Headgate below the folder and complete a run there. Raise FirstRunError if that fails."""
        user = pwd.getpwnam(self.user).pw_uid if self.user else os.geteuid()
        place = folder / "a place"
        place.mkdir()
        os.chown(place, user, user)
        port = find_free_port()
        with running(self._install(folder, place, user), place, self._build_environment(port), user) as process:
            complete_first_run(f"http://127.0.0.1:{port}", process)

    def _install(self, folder: Path, place: Path, user: int) -> list[str | Path]:
        """Return the command that starts Headgate in the folder `place`."""
        if self.wheel is not None:
            return [install_wheel(self.wheel, folder / "environment", self.python), "up"]
        copy_checkout(place, user)
        return ["make", "run", f"PYTHON={self.python}"]

    def _build_environment(self, port: int) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
        home = "/nonexistent" if self.user else str(Path.home())
        own = {"PATH": "/usr/bin:/bin", "HOME": home, "LC_ALL": self.locale, "HEADGATE_PORT": str(port), "HEADGATE_TELEMETRY": "off"}
        return kept | own


def plan_first_runs(wheel: Path) -> list[FirstRun]:
    """Return two runs per Python, from the checkout and from the wheel, each in a locale that is not UTF-8.

    The user `nobody` makes one run of each kind, with a Python that every user can run.
    """
    pythons = find_pythons()
    runs = [FirstRun(version, python, _LOCALES[n % len(_LOCALES)]) for n, (version, python) in enumerate(pythons.items())]
    public = [run for run in runs if str(run.python.resolve()).startswith("/usr/")]
    if os.geteuid() == 0 and public:
        kept = [run for run in runs if run != public[0]] or runs
        runs = [replace(public[0], locale="C", user="nobody"), *kept]  # first, since it downloads everything
    return [*runs, *(replace(run, wheel=wheel) for run in runs)]


def complete(run: FirstRun) -> str | None:
    """Return None if the run completed, else what went wrong with the output of the command."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-first-run-"))
    folder.chmod(0o755)
    started = time.monotonic()
    try:
        run.run(folder)
    except (FirstRunError, OSError) as error:
        output = folder / "a place" / "output"
        return f"{run}: {error}\n{output.read_text(errors='replace') if output.exists() else ''}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"first run completed: {run} ({time.monotonic() - started:.0f} s)", flush=True)
    return None


def main() -> int:
    """Run two at a time, since each of them waits a lot. Return 1 if one failed."""
    with tempfile.TemporaryDirectory(prefix="headgate-wheel-") as folder, ThreadPoolExecutor(2) as pool:
        Path(folder).chmod(0o755)
        runs = plan_first_runs(build("wheel", Path(folder)))
        failures = [failure for failure in pool.map(complete, runs) if failure is not None]
    for failure in failures:
        print(f"first run FAILED: {failure}", flush=True)
    print(f"first runs: {len(runs) - len(failures)} of {len(runs)} completed", flush=True)
    return 1 if failures or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
