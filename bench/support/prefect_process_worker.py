"""Prefect's own process worker with its defaults, on the same Prefect server: the baseline for Headgate's start latency."""

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
_TASK = "Prefect's process worker"


def measure_process_worker_starts(stack: Stack, folder: Path, runs: int) -> list[float]:
    """Return, for each run, the seconds from the request that creates a flow run to the flow's first statement."""
    with stack.connect_to_prefect() as prefect, _process_worker(stack, folder):
        flow = prefect.post("/flows/", json={"name": "bench"}).raise_for_status().json()
        deployment = {
            "name": "bench",
            "flow_id": flow["id"],
            "work_pool_name": POOL,
            "entrypoint": "bench/workloads/prefect_flow.py:write_start_time",
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        }
        created = prefect.post("/deployments/", json=deployment).raise_for_status().json()
        wait_until(lambda: _count_workers(prefect) > 0, _RUN_SECONDS, "Prefect's worker")
        samples = []
        for number in range(runs):
            print_progress(_TASK, number, runs)
            file = folder / f"prefect-{number}"
            sent = time.time_ns()
            prefect.post(f"/deployments/{created['id']}/create_flow_run", json={"parameters": {"file": str(file)}}).raise_for_status()
            samples.append((_wait_for_start_time(file) - sent) / 1e9)
        print_progress(_TASK, runs, runs)
        return samples


def _count_workers(prefect: httpx.Client) -> int:
    return len(prefect.post(f"/work_pools/{POOL}/workers/filter", json={}).raise_for_status().json())


def _wait_for_start_time(file: Path) -> int:
    """Return the nanoseconds that the flow writes. A line end shows that it has written all of them."""
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), _RUN_SECONDS, "the flow's first statement")
    return int(file.read_text())


@contextmanager
def _process_worker(stack: Stack, folder: Path) -> Iterator[None]:
    with stack.connect_to_prefect() as prefect:
        prefect.post("/work_pools/", json={"name": POOL, "type": "process"}).raise_for_status()
        url = str(prefect.base_url).rstrip("/")
    password = (stack.home / "prefect-password").read_text().strip()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {
        "PREFECT_API_URL": url,
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
