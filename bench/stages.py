"""What a stage costs beside its work: sequences of trivial stages, and the workloads of public comparisons: `python -m bench.stages`."""

from __future__ import annotations

import argparse
import time

from bench import fibo
from bench.support.measurements import Measurement, latency, print_measurements
from bench.support.runs import create_pipeline, repeat, time_run, trivial_stages
from bench.support.stack import Stack, bench_stack

FIVE, FIFTY = 5, 50


def main() -> None:
    arguments = _arguments()
    with bench_stack() as (stack, _):
        print_measurements(measure(stack, arguments.runs))


def measure(stack: Stack, runs: int = 20) -> list[Measurement]:
    """On a stack that is up."""
    few = max(2, runs // 4)
    create_pipeline(stack.http, "bench-five", trivial_stages(FIVE))
    create_pipeline(stack.http, "bench-fifty", trivial_stages(FIFTY))
    create_pipeline(stack.http, "bench-fibo-10", _fibos(40, "ten"))
    create_pipeline(stack.http, "bench-fibo-33", _fibos(10, "thirty_three"))
    for name in ("bench-five", "bench-fibo-10"):
        time_run(stack.http, name)
    five = repeat(f"{FIVE} stages in sequence", runs, lambda: time_run(stack.http, "bench-five"))
    fifty = repeat(f"{FIFTY} stages in sequence", few, lambda: time_run(stack.http, "bench-fifty"))
    light = repeat("40 × fibo(10)", few, lambda: time_run(stack.http, "bench-fibo-10"))
    heavy = repeat("10 × fibo(33)", 2, lambda: time_run(stack.http, "bench-fibo-33"))
    alone = latency("10 × fibo(33), the work alone in one process", [_alone() for _ in range(2)])
    return [
        latency(f"{FIVE} trivial stages in sequence, end to end", five),
        latency("the same, per stage", [seconds / FIVE for seconds in five]),
        latency(f"{FIFTY} trivial stages in sequence, per stage", [seconds / FIFTY for seconds in fifty]),
        latency("40 × fibo(10), python stages in sequence", light),
        latency("10 × fibo(33), python stages in sequence", heavy, alone),
        alone,
    ]


def _fibos(count: int, function: str) -> list[dict[str, str]]:
    return [{"name": f"fibo-{number}", "kind": "python", "callable": f"bench.fibo:{function}"} for number in range(1, count + 1)]


def _alone() -> float:
    began = time.perf_counter()
    for _ in range(10):
        fibo.thirty_three()
    return time.perf_counter() - began


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what a stage costs.")
    parser.add_argument("--runs", type=int, default=20, help="runs of five stages; the longer ones a quarter of that (20)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
