"""Measure the time from a trigger to the first instruction, next to Prefect's own process worker: `python -m bench.start`.

Both use the same `headgate up` with its PostgreSQL and Prefect server. The stage's shell replaces itself with `date +%s%N`, so the result
includes the 1 to 2 ms that `date` takes to start.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import httpx

from bench.support.measurements import Measurement, latency, print_measurements, quantity
from bench.support.prefect_process_worker import measure_process_worker_starts
from bench.support.runs import RUN_SECONDS, create_pipeline, repeat, wait_for_run
from bench.support.stack import Stack, bench_stack, wait_until

WARM_UP_RUNS = 5


def main() -> None:
    arguments = _parse_arguments()
    with bench_stack() as (stack, folder):
        print_measurements(measure(stack, folder, arguments.runs, arguments.prefect_runs))


def measure(stack: Stack, folder: Path, runs: int = 50, prefect_runs: int = 3) -> list[Measurement]:
    """Run on a stack that is ready."""
    command = ["/bin/sh", "-c", 'exec date +%s%N >"$BENCH_FOLDER/$HEADGATE_RUN_ID"']
    create_pipeline(stack.http, "bench-start", [{"name": "first", "command": command, "env": {"BENCH_FOLDER": str(folder)}}])
    repeat("warming up", WARM_UP_RUNS, lambda: _time_start(stack.http, folder))
    starts = repeat("trigger → first instruction", runs, lambda: _time_start(stack.http, folder))
    recorded = _get_recorded_percentage(stack, runs + WARM_UP_RUNS)
    prefect = None
    if prefect_runs:
        prefect = latency("Prefect's process worker: trigger → first line", measure_process_worker_starts(stack, folder, prefect_runs))
    measurements = [
        latency("trigger → first instruction", starts, prefect),
        quantity("runs of these that Prefect has on record", recorded, "%"),
    ]
    return [*measurements, prefect] if prefect else measurements


def _time_start(http: httpx.Client, folder: Path) -> float:
    """Return the seconds from sending the trigger to the first instruction of the stage's process."""
    sent = time.time_ns()
    run_id = http.post("/trigger/bench-start").raise_for_status().json()["run_id"]
    file = folder / str(run_id)
    # Poll the file, not the API: requests would slow down what is measured.
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), RUN_SECONDS, "the stage's first instruction")
    wait_for_run(http, run_id)
    return (int(file.read_text()) - sent) / 1e9


def _get_recorded_percentage(stack: Stack, runs: int) -> float:
    """Return the percentage of runs that Prefect has recorded as completed flow runs, after waiting for it."""
    flow_runs = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    with stack.connect_to_prefect() as client:

        def count() -> int:
            return int(client.post("/flow_runs/count", json=flow_runs).raise_for_status().json())

        wait_until(lambda: count() >= runs, 60, "Prefect to record the runs")
        return min(100.0, 100.0 * count() / runs)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the time from a trigger to the first instruction.")
    parser.add_argument("--runs", type=int, default=50, help="triggers, one at a time (default: 50)")
    parser.add_argument("--prefect-runs", type=int, default=3, help="runs by Prefect's worker, 8 s each (default: 3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
