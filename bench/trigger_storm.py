"""Trigger many runs at once: time until all complete, and the latency of a list meanwhile. `python -m bench.trigger_storm`"""

from __future__ import annotations

import argparse
import asyncio

from bench.support.http_load import LoadResult, get, send_load
from bench.support.measurements import Measurement, latency, print_measurements, print_progress
from bench.support.runs import create_pipeline, run_concurrently, time_run, trivial_stages
from bench.support.stack import Stack, bench_stack

STAGES = 5
FEW, MANY = 20, 200
_QUIET_SECONDS = 2.0


def main() -> None:
    arguments = _parse_arguments()
    with bench_stack() as (stack, _):
        print_measurements(measure(stack, arguments.rounds))


def measure(stack: Stack, rounds: int = 5) -> list[Measurement]:
    """Run on a stack that is ready."""
    create_pipeline(stack.http, "bench-storm", trivial_stages(STAGES))
    time_run(stack.http, "bench-storm")
    few = []
    for number in range(rounds):
        print_progress(f"{FEW} triggers at once", number, rounds)
        few.append(asyncio.run(run_concurrently(stack.url, "bench-storm", FEW)))
    print_progress(f"{FEW} triggers at once", rounds, rounds)
    before = asyncio.run(send_load(stack.port, lambda client, n: get("/pipelines/"), 1, _QUIET_SECONDS))
    print_progress(f"{MANY} triggers at once", 0, 1)
    many, meanwhile = asyncio.run(_measure_under_load(stack))
    print_progress(f"{MANY} triggers at once", 1, 1)
    idle = latency("GET /pipelines/ on the quiet stack", before.seconds)
    return [
        latency(f"{FEW} triggers of {STAGES} stages at once, all completed", few),
        latency(f"{MANY} triggers of {STAGES} stages at once, all completed", [many]),
        idle,
        latency(f"GET /pipelines/ during the {MANY}", meanwhile.seconds, idle),
    ]


async def _measure_under_load(stack: Stack) -> tuple[float, LoadResult]:
    """Return how long MANY triggers took, and the latencies of a client that listed pipelines until then."""
    result = LoadResult()
    running = asyncio.ensure_future(run_concurrently(stack.url, "bench-storm", MANY))
    while not running.done():
        batch = await send_load(stack.port, lambda client, n: get("/pipelines/"), 1, 0.25)
        result.seconds += batch.seconds
    return await running, result


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure many concurrent triggers.")
    parser.add_argument("--rounds", type=int, default=5, help=f"rounds of {FEW} triggers (default: 5)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
