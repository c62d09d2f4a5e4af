"""What a stage costs beside its work: sequences of trivial stages, and the workloads of public comparisons: `python -m bench.stages`."""

from __future__ import annotations

import argparse
import time

from bench import fibo
from bench._figures import Figure, figure, print_figures
from bench._runs import create, end_to_end, repeated, trivial
from bench._stack import Stack, a_bench_stack

FIVE, FIFTY = 5, 50


def main() -> None:
    arguments = _arguments()
    with a_bench_stack() as (stack, _):
        print_figures(measure(stack, arguments.runs))


def measure(stack: Stack, runs: int = 20) -> list[Figure]:
    """On a stack that is up."""
    few = max(2, runs // 4)
    create(stack.http, "bench-five", trivial(FIVE))
    create(stack.http, "bench-fifty", trivial(FIFTY))
    create(stack.http, "bench-fibo-10", _fibos(40, "ten"))
    create(stack.http, "bench-fibo-33", _fibos(10, "thirty_three"))
    for name in ("bench-five", "bench-fibo-10"):
        end_to_end(stack.http, name)
    five = repeated(f"{FIVE} stages in sequence", runs, lambda: end_to_end(stack.http, "bench-five"))
    fifty = repeated(f"{FIFTY} stages in sequence", few, lambda: end_to_end(stack.http, "bench-fifty"))
    light = repeated("40 × fibo(10)", few, lambda: end_to_end(stack.http, "bench-fibo-10"))
    heavy = repeated("10 × fibo(33)", 2, lambda: end_to_end(stack.http, "bench-fibo-33"))
    alone = figure("10 × fibo(33), the work alone in one process", [_alone() for _ in range(2)])
    return [
        figure(f"{FIVE} trivial stages in sequence, end to end", five),
        figure("the same, per stage", [seconds / FIVE for seconds in five]),
        figure(f"{FIFTY} trivial stages in sequence, per stage", [seconds / FIFTY for seconds in fifty]),
        figure("40 × fibo(10), python stages in sequence", light),
        figure("10 × fibo(33), python stages in sequence", heavy, alone),
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
