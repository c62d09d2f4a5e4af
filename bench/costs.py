"""What a stage costs each process in CPU, which other work on the machine does not change: `python -m bench.costs`."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from bench.support.measurements import Measurement, print_measurements, quantity
from bench.support.runs import create_pipeline, run_concurrently, time_run, trivial_stages
from bench.support.stack import Stack, bench_stack

STAGES = 5
_TICKS = os.sysconf("SC_CLK_TCK")
_SETTLED = 3.0
"""Seconds after the last run's end in which Prefect writes the rest of it down."""


def main() -> None:
    arguments = _arguments()
    with bench_stack() as (stack, _):
        print_measurements(measure(stack, arguments.runs))


def measure(stack: Stack, runs: int = 40) -> list[Measurement]:
    """On a stack that is up: runs one after the other, then as many at once."""
    create_pipeline(stack.http, "bench-costs", trivial_stages(STAGES))
    for _ in range(5):
        time_run(stack.http, "bench-costs")
    time.sleep(_SETTLED)
    one = _measure_cpu(stack, lambda: _in_turn(stack, runs))
    many = _measure_cpu(stack, lambda: _together(stack, runs))
    return [*_figures("in turn", one, runs), *_figures("at once", many, runs)]


def _in_turn(stack: Stack, runs: int) -> None:
    for _ in range(runs):
        time_run(stack.http, "bench-costs")
    time.sleep(_SETTLED)


def _together(stack: Stack, runs: int) -> None:
    asyncio.run(run_concurrently(stack.url, "bench-costs", runs))
    time.sleep(_SETTLED)


def _measure_cpu(stack: Stack, work: Callable[[], None]) -> dict[str, float]:
    """Seconds of CPU by kind of process, what they do by themselves meanwhile too."""
    before = _cpu(stack)
    work()
    after = _cpu(stack)
    return {kind: after[kind] - before[kind] for kind in after}


def _cpu(stack: Stack) -> dict[str, float]:
    """By kind of process, of all that descend from `headgate up` and its PostgreSQL."""
    seconds: dict[str, float] = defaultdict(float)
    waiting = [(stack.process.pid, ""), (_postmaster(stack.home), "")]
    seen: set[int] = set()
    while waiting:
        pid, parent = waiting.pop()
        if pid in seen:
            continue
        seen.add(pid)
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            below = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
        except OSError:
            continue  # it ended meanwhile: its parent has its time
        kind = _kind(command, parent)
        # What ended is in its parent's time.
        seconds[kind] += sum(map(float, fields[11:15])) / _TICKS
        waiting += [(child, kind) for child in below]
    return seconds


def _kind(command: str, parent: str) -> str:
    if command.startswith("postgres:"):
        return f"PostgreSQL, {'for Prefect' if ' prefect ' in command else 'for Headgate'}"
    for word, kind in (("-m prefect", "Prefect's server"), ("entrypoints.worker", "stage host and its stages")):
        if word in command:
            return kind
    for word in ("web", "worker", "up"):
        if f"cli {word}" in command:
            return word
    return parent or "PostgreSQL"


def _postmaster(home: Path) -> int:
    (file,) = home.rglob("postmaster.pid")
    return int(file.read_text().split()[0])


def _figures(how: str, cpu: dict[str, float], runs: int) -> list[Measurement]:
    milliseconds = {kind: max(0.0, seconds) / (runs * STAGES) * 1_000 for kind, seconds in sorted(cpu.items())}
    figures = [quantity(f"CPU a stage, {how}: {kind}", value, "ms") for kind, value in milliseconds.items()]
    return [*figures, quantity(f"CPU a stage, {how}, all processes", sum(milliseconds.values()), "ms")]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what a stage costs each process.")
    parser.add_argument("--runs", type=int, default=40, help=f"runs of {STAGES} stages (40)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
