"""How long a start takes, beside Prefect's own process worker: `python -m bench.start`.

Everything is measured in one run on one machine, one `headgate up` with its own PostgreSQL, Prefect server and worker. The first
instruction of a stage is `date +%s%N` in place of the stage's shell (`exec`): its own start, 1 to 2 ms, is in the figure.
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

WARM_UP = 5


def main() -> None:
    arguments = _arguments()
    with bench_stack() as (stack, folder):
        print_measurements(measure(stack, folder, arguments.runs, arguments.prefect_runs))


def measure(stack: Stack, folder: Path, runs: int = 50, prefect_runs: int = 3) -> list[Measurement]:
    """On a stack that is up."""
    command = ["/bin/sh", "-c", 'exec date +%s%N >"$BENCH_FOLDER/$HEADGATE_RUN_ID"']
    create_pipeline(stack.http, "bench-start", [{"name": "first", "command": command, "env": {"BENCH_FOLDER": str(folder)}}])
    repeat("warming up", WARM_UP, lambda: _start(stack.http, folder))
    starts = repeat("trigger → first instruction", runs, lambda: _start(stack.http, folder))
    recorded = _recorded_in_prefect(stack, runs + WARM_UP)
    theirs = None
    if prefect_runs:
        theirs = latency("Prefect's process worker: trigger → first line", measure_process_worker_starts(stack, folder, prefect_runs))
    figures = [latency("trigger → first instruction", starts, theirs), quantity("runs of these that Prefect has on record", recorded, "%")]
    return [*figures, theirs] if theirs else figures


def _start(http: httpx.Client, folder: Path) -> float:
    """Seconds from the sending of the trigger to the first instruction of the stage's own process."""
    sent = time.time_ns()
    run_id = http.post("/trigger/bench-start").raise_for_status().json()["run_id"]
    mark = folder / str(run_id)
    # The file is looked at, not the API: asking would take time from what is measured.
    wait_until(lambda: mark.exists() and mark.read_text().endswith("\n"), RUN_SECONDS, "the stage's first instruction")
    wait_for_run(http, run_id)
    return (int(mark.read_text()) - sent) / 1e9


def _recorded_in_prefect(stack: Stack, runs: int) -> float:
    """Percent of the runs that Prefect shows as completed flow runs, once it had time to write them down."""
    flow_runs = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    with stack.prefect() as prefect:

        def count() -> int:
            return int(prefect.post("/flow_runs/count", json=flow_runs).raise_for_status().json())

        wait_until(lambda: count() >= runs, 60, "Prefect's record")
        return min(100.0, 100.0 * count() / runs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how long a start takes, beside Prefect's own process worker.")
    parser.add_argument("--runs", type=int, default=50, help="triggers one at a time (50)")
    parser.add_argument("--prefect-runs", type=int, default=3, help="runs by Prefect's worker, 8 s each; 0 for none (3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
