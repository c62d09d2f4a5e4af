"""Every benchmark, one after the other, and the whole table at the end: `make bench`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

from bench import costs, depth, idle, lists, stages, start, status, trigger_storm, viewers
from bench.support.measurements import Measurement, print_measurements
from bench.support.stack import bench_stack
from bench.support.web_process import postgres_server, web_process

PARTS = ("idle", "start", "stages", "storm", "costs", "status", "lists", "viewers", "depth")


def main() -> None:
    arguments = _arguments()
    wanted = arguments.only.split(",") if arguments.only else PARTS
    scale = 0.25 if arguments.short else 1.0
    figures: list[Measurement] = []
    failed: list[str] = []
    began = time.monotonic()

    def part(name: str, measured: Callable[[], list[Measurement]]) -> None:
        if name in wanted:
            print(f"\n{name} …", file=sys.stderr, flush=True)
            try:
                figures.extend(found := measured())
                print_measurements(found)
            except Exception:
                traceback.print_exc()
                failed.append(name)

    if {"idle", "start", "stages", "storm", "costs"} & set(wanted):
        with bench_stack() as (stack, folder):
            part("idle", lambda: idle.measure(stack, 30 * scale))
            part("start", lambda: start.measure(stack, folder, round(50 * scale), arguments.prefect_runs))
            part("stages", lambda: stages.measure(stack, round(20 * scale)))
            part("storm", lambda: trigger_storm.measure(stack, max(1, round(5 * scale))))
            part("costs", lambda: costs.measure(stack, round(40 * scale)))
    if {"status", "lists", "viewers"} & set(wanted):
        with postgres_server() as server:
            with web_process(server) as web:
                part("status", lambda: status.measure(server, web, 4 * scale, 3))
            with web_process(server) as web:
                part("viewers", lambda: viewers.measure(web, seconds=10 * scale))
        with postgres_server() as server, web_process(server) as web:
            part("lists", lambda: lists.measure(server, web, 3 * scale))
    part("depth", lambda: depth.measure(arguments.depth_runs))

    took = time.monotonic() - began
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}, in {took:.0f} s")
    print_measurements(figures)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Run every benchmark on an idle machine; about ten minutes.")
    parser.add_argument("--only", metavar="A,B", help=f"some of them: {', '.join(PARTS)}")
    parser.add_argument("--short", action="store_true", help="a quarter of everything")
    parser.add_argument("--prefect-runs", type=int, default=3, help="runs by Prefect's own worker, 8 s each; 0 for none (3)")
    parser.add_argument(
        "--depth-runs", type=depth.parse_run_count, default=100_000, help="runs for the depth; 1,000,000 takes minutes (100,000)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
