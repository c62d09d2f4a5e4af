"""Measure the CPU time per stage of each process. Other load on the machine hardly changes it. `python -m bench.costs`"""

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
_SETTLE_SECONDS = 3.0
"""After the last run, for Prefect to record the rest of it."""


def main() -> None:
    arguments = _parse_arguments()
    with bench_stack() as (stack, _):
        print_measurements(measure(stack, arguments.runs))


def measure(stack: Stack, runs: int = 40) -> list[Measurement]:
    """Run on a stack that is ready: runs one after the other, then as many at once."""
    create_pipeline(stack.http, "bench-costs", trivial_stages(STAGES))
    for _ in range(5):
        time_run(stack.http, "bench-costs")
    time.sleep(_SETTLE_SECONDS)
    one = _measure_read_cpu(stack, lambda: _run_in_turn(stack, runs))
    many = _measure_read_cpu(stack, lambda: _run_at_once(stack, runs))
    return [*_build_measurements("in turn", one, runs), *_build_measurements("at once", many, runs)]


def _run_in_turn(stack: Stack, runs: int) -> None:
    for _ in range(runs):
        time_run(stack.http, "bench-costs")
    time.sleep(_SETTLE_SECONDS)


def _run_at_once(stack: Stack, runs: int) -> None:
    asyncio.run(run_concurrently(stack.url, "bench-costs", runs))
    time.sleep(_SETTLE_SECONDS)


def _measure_read_cpu(stack: Stack, work: Callable[[], None]) -> dict[str, float]:
    """Return the CPU seconds that each kind of process used during `work`, background work included."""
    before = _read_cpu(stack)
    work()
    after = _read_cpu(stack)
    return {kind: after[kind] - before[kind] for kind in after}


def _read_cpu(stack: Stack) -> dict[str, float]:
    """Return the CPU seconds so far of all descendants of `headgate up` and of its PostgreSQL, by kind of process."""
    seconds: dict[str, float] = defaultdict(float)
    waiting = [(stack.process.pid, ""), (_get_postmaster_pid(stack.home), "")]
    seen: set[int] = set()
    while waiting:
        pid, parent = waiting.pop()
        if pid in seen:
            continue
        seen.add(pid)
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
        except OSError:
            continue  # the process has ended: its time is in its parent's
        kind = _classify(command, parent)
        # User and system time of the process and of its children that have ended.
        seconds[kind] += sum(map(float, fields[11:15])) / _TICKS
        waiting += [(child, kind) for child in children]
    return seconds


def _classify(command: str, parent: str) -> str:
    if command.startswith("postgres:"):
        return f"PostgreSQL, {'for Prefect' if ' prefect ' in command else 'for Headgate'}"
    for word, kind in (("-m prefect", "Prefect's server"), ("entrypoints.worker", "stage host and its stages")):
        if word in command:
            return kind
    for word in ("web", "worker", "up"):
        if f"cli {word}" in command or f"-m headgate {word}" in command:
            return word
    return parent or "PostgreSQL"


def _get_postmaster_pid(home: Path) -> int:
    (file,) = home.rglob("postmaster.pid")
    return int(file.read_text().split()[0])


def _build_measurements(mode: str, cpu: dict[str, float], runs: int) -> list[Measurement]:
    milliseconds = {kind: max(0.0, seconds) / (runs * STAGES) * 1_000 for kind, seconds in sorted(cpu.items())}
    measurements = [quantity(f"CPU a stage, {mode}: {kind}", value, "ms") for kind, value in milliseconds.items()]
    return [*measurements, quantity(f"CPU a stage, {mode}, all processes", sum(milliseconds.values()), "ms")]


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the CPU time per stage of each process.")
    parser.add_argument("--runs", type=int, default=40, help=f"runs of {STAGES} stages (default: 40)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
