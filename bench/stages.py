"""Measure the overhead per stage: trivial stages in sequence, and workloads of public comparisons. `python -m bench.stages`"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from bench.support.measurements import Measurement, latency, print_measurements
from bench.support.runs import create_pipeline, repeat, time_run, trivial_stages
from bench.support.stack import Stack, bench_stack
from bench.workloads import fibonacci

FIVE, FIFTY = 5, 50


def main() -> None:
    arguments = _parse_arguments()
    with bench_stack() as (stack, _):
        print_measurements(measure(stack, arguments.runs))


def measure(stack: Stack, runs: int = 20) -> list[Measurement]:
    """Run on a stack that is ready."""
    few = max(2, runs // 4)
    create_pipeline(stack.http, "bench-five", trivial_stages(FIVE))
    create_pipeline(stack.http, "bench-fifty", trivial_stages(FIFTY))
    create_pipeline(stack.http, "bench-fibo-10", _build_fibonacci_stages(40, "ten"))
    create_pipeline(stack.http, "bench-fibo-33", _build_fibonacci_stages(10, "thirty_three"))
    for name in ("bench-five", "bench-fibo-10"):
        time_run(stack.http, name)
    five = repeat(f"{FIVE} stages in sequence", runs, lambda: time_run(stack.http, "bench-five"))
    fifty = repeat(f"{FIFTY} stages in sequence", few, lambda: time_run(stack.http, "bench-fifty"))
    light = repeat("40 × fibo(10)", few, lambda: time_run(stack.http, "bench-fibo-10"))
    heavy = repeat("10 × fibo(33)", 2, lambda: time_run(stack.http, "bench-fibo-33"))
    alone = latency("10 × fibo(33), the work alone in one process", [_time_without_headgate() for _ in range(2)])
    return [
        latency(f"{FIVE} trivial stages in sequence, end to end", five),
        latency("the same, per stage", [seconds / FIVE for seconds in five]),
        latency(f"{FIFTY} trivial stages in sequence, per stage", [seconds / FIFTY for seconds in fifty]),
        latency("40 × fibo(10), python stages in sequence", light),
        latency("10 × fibo(33), python stages in sequence", heavy, alone),
        alone,
    ]


def _build_fibonacci_stages(count: int, function: str) -> list[dict[str, str]]:
    """Return stages that import the functions from their folder, since a stage can't import Headgate's own packages."""
    python = {"kind": "python", "callable": f"fibonacci:{function}", "workdir": str(Path(fibonacci.__file__).parent)}
    return [{"name": f"fibo-{number}", **python} for number in range(1, count + 1)]


def _time_without_headgate() -> float:
    started = time.perf_counter()
    for _ in range(10):
        fibonacci.thirty_three()
    return time.perf_counter() - started


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the overhead per stage.")
    parser.add_argument("--runs", type=int, default=20, help="runs of five stages; a quarter as many of the longer pipelines (default: 20)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
