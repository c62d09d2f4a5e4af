"""Prefect's own process worker with its defaults, on the same server: what Headgate's start is held against."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.support.measurements import print_progress
from bench.support.stack import ROOT, Stack, wait_until

POOL = "bench-process"
_RUN_SECONDS = 90.0


def measure_process_worker_starts(stack: Stack, folder: Path, runs: int) -> list[float]:
    """Seconds from the sending of the request that creates a flow run to the flow's first line, for each run."""
    with stack.prefect() as prefect, _worker(stack, folder):
        flow = prefect.post("/flows/", json={"name": "bench"}).raise_for_status().json()
        deployment = {
            "name": "bench",
            "flow_id": flow["id"],
            "work_pool_name": POOL,
            "entrypoint": "bench/prefect_flow.py:first_line",
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        }
        created = prefect.post("/deployments/", json=deployment).raise_for_status().json()
        wait_until(lambda: _workers(prefect) > 0, _RUN_SECONDS, "Prefect's worker")
        samples = []
        for number in range(runs):
            print_progress("Prefect's process worker", number, runs)
            mark = folder / f"prefect-{number}"
            sent = time.time_ns()
            prefect.post(f"/deployments/{created['id']}/create_flow_run", json={"parameters": {"mark": str(mark)}}).raise_for_status()
            samples.append((_awaited(mark) - sent) / 1e9)
        print_progress("Prefect's process worker", runs, runs)
        return samples


def _workers(prefect: httpx.Client) -> int:
    return len(prefect.post(f"/work_pools/{POOL}/workers/filter", json={}).raise_for_status().json())


def _awaited(mark: Path) -> int:
    wait_until(lambda: _first_line(mark) is not None, _RUN_SECONDS, "the flow's first line")
    return int(mark.read_text())


def _first_line(mark: Path) -> int | None:
    """The nanoseconds that the flow wrote; None before it has."""
    text = mark.read_text() if mark.exists() else ""
    return int(text) if text.endswith("\n") else None


@contextmanager
def _worker(stack: Stack, folder: Path) -> Iterator[None]:
    with stack.prefect() as prefect:
        prefect.post("/work_pools/", json={"name": POOL, "type": "process"}).raise_for_status()
        address = str(prefect.base_url).rstrip("/")
    password = (stack.home / "prefect-password").read_text().strip()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {
        "PREFECT_API_URL": address,
        "PREFECT_API_AUTH_STRING": f"headgate:{password}",
        "PREFECT_HOME": str(folder / "prefect-home"),
        "PYTHONPATH": str(ROOT),
    }
    argv = [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    with (folder / "prefect-worker.log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=inherited | own, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
