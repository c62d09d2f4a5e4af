"""A worker ends by TERM, whichever of its threads the system delivers the signal to."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.running_headgate import UNREACHABLE
from tests.support.waiting import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="lists threads in /proc")


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker whose web does not respond, once it has tried."""
    log = tmp_path / "worker.log"
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("HEADGATE_", "PREFECT_", "DD_"))}
    settings = {
        "HEADGATE_HOME": str(tmp_path),
        "HEADGATE_URL": UNREACHABLE.removesuffix("/api"),
        "HEADGATE_PREFECT_API_URL": UNREACHABLE,
        "HEADGATE_SECRET": secrets.token_urlsafe(32),
        "HEADGATE_TELEMETRY": "off",
    }
    with log.open("wb") as output:
        argv = [sys.executable, "-P", "-m", "entrypoints.cli", "worker"]
        process = subprocess.Popen(argv, cwd=ROOT, env=clean | settings, stdout=output, stderr=output)
    with process:
        wait_for(lambda: log.read_text(), 60)
        yield process
        process.kill()


def list_threads(pid: int) -> list[int]:
    return sorted(int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir())


@pytest.mark.parametrize("is_main", [True, False], ids=["main thread", "other thread"])
def test_a_worker_ends_when_a_thread_gets_the_signal(worker: subprocess.Popen[bytes], is_main: bool) -> None:
    others = [thread for thread in list_threads(worker.pid) if thread != worker.pid]
    assert others

    ctypes.CDLL(None).tgkill(worker.pid, worker.pid if is_main else others[0], signal.SIGTERM)

    assert worker.wait(60) == 0
