"""`make bench`: run every benchmark, one after the other, and print all measurements at the end."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

from bench import alerts, costs, deployments, depth, idle, limits, lists, stages, start, status, ticks, trigger_storm, viewers
from bench.support.measurements import Measurement, print_measurements
from bench.support.stack import bench_stack
from bench.support.web_process import postgres_server, web_process

PARTS = ("idle", "start", "stages", "storm", "limits", "costs", "alerts", "prefect", "status", "lists", "viewers", "ticks", "depth")


def main() -> None:
    arguments = _parse_arguments()
    wanted = arguments.only.split(",") if arguments.only else PARTS
    scale = 0.25 if arguments.short else 1.0
    measurements: list[Measurement] = []
    failed: list[str] = []
    started = time.monotonic()

    def run_part(name: str, measure: Callable[[], list[Measurement]]) -> None:
        if name in wanted:
            print(f"\n{name} …", file=sys.stderr, flush=True)
            try:
                measurements.extend(found := measure())
                print_measurements(found)
            except Exception:
                traceback.print_exc()
                failed.append(name)

    if {"idle", "start", "stages", "storm", "limits", "costs"} & set(wanted):
        with bench_stack() as (stack, folder):
            run_part("idle", lambda: idle.measure(stack, 30 * scale))
            run_part("start", lambda: start.measure(stack, folder, round(50 * scale), arguments.prefect_runs))
            run_part("stages", lambda: stages.measure(stack, round(20 * scale)))
            run_part("storm", lambda: trigger_storm.measure(stack, max(1, round(5 * scale))))
            run_part("limits", lambda: limits.measure(stack, folder, round(60 * scale), round(12 * scale)))
            run_part("costs", lambda: costs.measure(stack, round(40 * scale)))
    if "alerts" in wanted:
        with alerts.alerting_stack() as (stack, receiver):
            run_part("alerts", lambda: alerts.measure(stack, receiver, round(60 * scale), 10 * scale))
    if "prefect" in wanted:
        with deployments.deployment_stack() as (web, prefect):
            run_part("prefect", lambda: deployments.measure(web, prefect, round(100 * scale), 60 * scale))
    if {"status", "lists", "viewers"} & set(wanted):
        with postgres_server() as server:
            with web_process(server) as web:
                run_part("status", lambda: status.measure(server, web, 4 * scale, 3))
            with web_process(server) as web:
                run_part("viewers", lambda: viewers.measure(web, seconds=10 * scale))
            if "status" in wanted:
                run_part("status", lambda: status.measure_with_datadog(server, 4 * scale, 3))
        with postgres_server() as server, web_process(server) as web:
            run_part("lists", lambda: lists.measure(server, web, 3 * scale))
    if "ticks" in wanted:
        with postgres_server() as server:
            run_part("ticks", lambda: ticks.measure(server, scale))
    run_part("depth", lambda: depth.measure(arguments.depth_runs))

    elapsed = time.monotonic() - started
    machine = f"{os.cpu_count()} cores, {_get_processor_name()}, Python {platform.python_version()}"
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {machine}, in {elapsed:.0f} s")
    print_measurements(measurements)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _get_processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Run every benchmark on an idle machine, in about ten minutes.")
    parser.add_argument("--only", metavar="A,B", help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--short", action="store_true", help="a quarter of the runs and seconds")
    parser.add_argument("--prefect-runs", type=int, default=3, help="runs by Prefect's own worker, 8 s each (default: 3)")
    parser.add_argument(
        "--depth-runs",
        type=depth.parse_run_count,
        default=100_000,
        help="runs to seed for depth; 1,000,000 take minutes (default: 100,000)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
