"""Many triggers at once: until all is completed, and what the web answers meanwhile: `python -m bench.trigger_storm`."""

from __future__ import annotations

import argparse
import asyncio

from bench.support.http_load import LoadResult, get, load
from bench.support.measurements import Measurement, latency, print_measurements, print_progress
from bench.support.runs import create_pipeline, run_concurrently, time_run, trivial_stages
from bench.support.stack import Stack, bench_stack

STAGES = 5
FEW, MANY = 20, 200
_QUIET_SECONDS = 2.0


def main() -> None:
    arguments = _arguments()
    with bench_stack() as (stack, _):
        print_measurements(measure(stack, arguments.rounds))


def measure(stack: Stack, rounds: int = 5) -> list[Measurement]:
    """On a stack that is up."""
    create_pipeline(stack.http, "bench-storm", trivial_stages(STAGES))
    time_run(stack.http, "bench-storm")
    few = []
    for number in range(rounds):
        print_progress(f"{FEW} triggers at once", number, rounds)
        few.append(asyncio.run(run_concurrently(stack.url, "bench-storm", FEW)))
    print_progress(f"{FEW} triggers at once", rounds, rounds)
    quiet = asyncio.run(load(stack.port, lambda client, n: get("/pipelines/"), 1, _QUIET_SECONDS))
    print_progress(f"{MANY} triggers at once", 0, 1)
    many, meanwhile = asyncio.run(_watched(stack))
    print_progress(f"{MANY} triggers at once", 1, 1)
    still = latency("GET /pipelines/ on the quiet stack", quiet.seconds)
    return [
        latency(f"{FEW} triggers of {STAGES} stages at once, all completed", few),
        latency(f"{MANY} triggers of {STAGES} stages at once, all completed", [many]),
        still,
        latency(f"GET /pipelines/ during the {MANY}", meanwhile.seconds, still),
    ]


async def _watched(stack: Stack) -> tuple[float, LoadResult]:
    """How long the many took, and how somebody who asks again and again was answered until then."""
    asked = LoadResult()
    running = asyncio.ensure_future(run_concurrently(stack.url, "bench-storm", MANY))
    while not running.done():
        part = await load(stack.port, lambda client, n: get("/pipelines/"), 1, 0.25)
        asked.seconds += part.seconds
    return await running, asked


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure many triggers at once.")
    parser.add_argument("--rounds", type=int, default=5, help=f"rounds of {FEW} triggers (5)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
