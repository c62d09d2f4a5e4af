"""A temporary copy of the checkout in which `make run` installs and starts Headgate, as a person does after `git clone`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.support.paths import ROOT

START_SECONDS: Final = 240.0
RUN_SECONDS: Final = 60.0
_FOLDERS: Final = ("adapters", "alembic", "application", "domain", "entrypoints", "examples", "installation")
_FILES: Final = ("LICENSE", "Makefile", "README.md", "alembic.ini", "hatch_build.py", "headgate.py", "pyproject.toml")
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class FirstRunError(Exception):
    """Headgate did not come to its first completed run."""


def copy_checkout(folder: Path, owner: int) -> None:
    """Copy what `make run` needs, for the user with the id `owner`."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for file in (*map(ROOT.joinpath, _FILES), *ROOT.glob("requirements*.lock")):
        shutil.copy(file, folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, owner, owner)


@contextlib.contextmanager
def running(command: Sequence[str | Path], folder: Path, environment: Mapping[str, str], user: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command as the user within the block; then press Ctrl-C and wait until it has ended."""
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **({"user": user, "group": user, "extra_groups": []} if user != os.geteuid() else {}),
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGINT, 40), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
            return


def complete_first_run(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until Headgate is ready, trigger the example of the README and wait for its end. Raise FirstRunError if it does not complete."""
    _wait(process, START_SECONDS, "ready", lambda: _is_ready(url))
    run = _call(f"{url}/trigger/flights", b"{}")["run_id"]
    _wait(process, RUN_SECONDS, "finished", lambda: _call(f"{url}/runs/{run}")["finished_at"] is not None)
    if (ended := _call(f"{url}/runs/{run}"))["status"] != "completed":
        raise FirstRunError(f"the first run is {ended['status']}: {ended['why']}")


def _is_ready(url: str) -> bool:
    try:
        return _call(f"{url}/pipelines/flights") is not None
    except OSError:
        return False


def _call(url: str, body: bytes | None = None) -> Any:
    with _DIRECT.open(urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {}), timeout=20) as answer:
        return json.load(answer)


def _wait(process: subprocess.Popen[bytes], seconds: float, what: str, is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        if process.poll() is not None:
            raise FirstRunError(f"the command ended with code {process.returncode}")
        if time.monotonic() > deadline:
            raise FirstRunError(f"not {what} after {seconds:g} s")
        time.sleep(0.2)
