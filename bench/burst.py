"""Many triggers at once: until all is completed, and what the web answers meanwhile: `python -m bench.burst`."""

from __future__ import annotations

import argparse
import asyncio

from bench._figures import Figure, figure, print_figures, progress
from bench._load import Load, get, load
from bench._runs import at_once, create, end_to_end, trivial
from bench._stack import Stack, a_bench_stack

STAGES = 5
FEW, MANY = 20, 200
_QUIET_SECONDS = 2.0


def main() -> None:
    arguments = _arguments()
    with a_bench_stack() as (stack, _):
        print_figures(measure(stack, arguments.rounds))


def measure(stack: Stack, rounds: int = 5) -> list[Figure]:
    """On a stack that is up."""
    create(stack.http, "bench-burst", trivial(STAGES))
    end_to_end(stack.http, "bench-burst")
    few = []
    for number in range(rounds):
        progress(f"{FEW} triggers at once", number, rounds)
        few.append(asyncio.run(at_once(stack.url, "bench-burst", FEW)))
    progress(f"{FEW} triggers at once", rounds, rounds)
    quiet = asyncio.run(load(stack.port, lambda client, n: get("/pipelines/"), 1, _QUIET_SECONDS))
    progress(f"{MANY} triggers at once", 0, 1)
    many, meanwhile = asyncio.run(_watched(stack))
    progress(f"{MANY} triggers at once", 1, 1)
    still = figure("GET /pipelines/ on the quiet stack", quiet.seconds)
    return [
        figure(f"{FEW} triggers of {STAGES} stages at once, all completed", few),
        figure(f"{MANY} triggers of {STAGES} stages at once, all completed", [many]),
        still,
        figure(f"GET /pipelines/ during the {MANY}", meanwhile.seconds, still),
    ]


async def _watched(stack: Stack) -> tuple[float, Load]:
    """How long the many took, and how somebody who asks again and again was answered until then."""
    asked = Load()
    running = asyncio.ensure_future(at_once(stack.url, "bench-burst", MANY))
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
