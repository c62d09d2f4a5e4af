"""Run `make run` to its first completed run on each Python of this machine, in bare surroundings: `python -m tests.first_runs`."""

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

from adapters.system.network import find_free_port
from tests.first_runs.checkout import FirstRunError, complete_first_run, copy_checkout, making_run
from tests.first_runs.pythons import find_pythons

_KEPT: Final = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy", "no_proxy")
_KEPT_PREFIXES: Final = ("PIP_", "UV_")
_LOCALES: Final = ("C", "POSIX", "xx_XX.UTF-8", "C")
"""The last but one is not installed anywhere."""


@dataclass(frozen=True)
class FirstRun:
    """A Python, a locale and a user. `user` is None for the user that runs this."""

    version: str
    python: Path
    locale: str
    user: str | None = None

    def __str__(self) -> str:
        return f"Python {self.version}, LC_ALL={self.locale}, user {self.user or pwd.getpwuid(os.geteuid()).pw_name}"

    def run(self, folder: Path) -> None:
        """Copy the checkout below the folder and complete a run there. Raise FirstRunError if that fails."""
        entry = pwd.getpwnam(self.user) if self.user else None
        user, checkout = entry.pw_uid if entry else os.geteuid(), folder / "a clone"
        checkout.mkdir()
        copy_checkout(checkout, user)
        port = find_free_port()
        with making_run(checkout, self._build_environment(port), self.python, user) as process:
            complete_first_run(f"http://127.0.0.1:{port}", process)

    def _build_environment(self, port: int) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
        home = "/nonexistent" if self.user else str(Path.home())
        own = {"PATH": "/usr/bin:/bin", "HOME": home, "LC_ALL": self.locale, "HEADGATE_PORT": str(port), "HEADGATE_TELEMETRY": "off"}
        return kept | own


def plan_first_runs() -> list[FirstRun]:
    """Return one run per Python, each in a locale that is not UTF-8. `nobody` makes one of them, with a Python that every user can run."""
    pythons = find_pythons()
    runs = [FirstRun(version, python, _LOCALES[n % len(_LOCALES)]) for n, (version, python) in enumerate(pythons.items())]
    public = [run for run in runs if str(run.python.resolve()).startswith("/usr/")]
    if os.geteuid() == 0 and public:
        kept = [run for run in runs if run != public[0]] or runs
        runs = [replace(public[0], locale="C", user="nobody"), *kept]  # first, since it downloads everything
    return runs


def complete(run: FirstRun) -> str | None:
    """Return None if the run completed, else what went wrong with the output of `make run`."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-first-run-"))
    folder.chmod(0o755)
    started = time.monotonic()
    try:
        run.run(folder)
    except (FirstRunError, OSError) as error:
        output = folder / "a clone" / "output"
        return f"{run}: {error}\n{output.read_text(errors='replace') if output.exists() else ''}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"first run completed: {run} ({time.monotonic() - started:.0f} s)", flush=True)
    return None


def main() -> int:
    """Run two at a time, since each of them waits a lot. Return 1 if one failed."""
    runs = plan_first_runs()
    with ThreadPoolExecutor(2) as pool:
        failures = [failure for failure in pool.map(complete, runs) if failure is not None]
    for failure in failures:
        print(f"first run FAILED: {failure}", flush=True)
    print(f"first runs: {len(runs) - len(failures)} of {len(runs)} completed", flush=True)
    return 1 if failures or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
