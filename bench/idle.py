"""What everything embedded takes when nothing runs, and how soon it is there: `python -m bench.idle`."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from bench.support.measurements import Measurement, print_measurements, print_progress, quantity
from bench.support.runs import create_pipeline, time_run, trivial_stages
from bench.support.stack import Stack, bench_stack, find_processes

_QUIET_SECONDS = 25.0
"""After the first run: for so long what was started is still busy with having started."""


def main() -> None:
    arguments = _arguments()
    with bench_stack() as (stack, _):
        print_measurements(measure(stack, arguments.seconds))


def measure(stack: Stack, seconds: float = 30.0) -> list[Measurement]:
    """On a stack that has just been started."""
    create_pipeline(stack.http, "bench-idle", trivial_stages(1))
    time_run(stack.http, "bench-idle")
    print_progress("idle", 0, 1)
    time.sleep(_QUIET_SECONDS)
    processes = _everything(stack)
    before, began = sum(map(_cpu, processes)), time.perf_counter()
    time.sleep(seconds)
    used = (sum(map(_cpu, processes)) - before) / (time.perf_counter() - began)
    print_progress("idle", 1, 1)
    parts: dict[str, float] = {}
    for pid, command in find_processes(stack.home).items():
        parts[_part(command)] = parts.get(_part(command), 0.0) + _memory(pid)
    return [
        quantity("cold start, database made, until the first answer", stack.first_page_seconds, "s"),
        quantity("cold start until triggers are taken", stack.ready_seconds, "s"),
        quantity("cold start until the first run has ended", stack.first_run_seconds, "s"),
        quantity("memory of everything, idle", sum(map(_memory, processes)), "MB"),
        *(quantity(f"  of it {part}", value, "MB") for part, value in sorted(parts.items(), key=lambda part: -part[1])),
        quantity("processor of everything, idle, of one core", used * 100, "%"),
    ]


def _everything(stack: Stack) -> list[int]:
    return sorted(find_processes(stack.home))


def _part(command: str) -> str:
    for word in ("postgres", "prefect", "worker", "web"):
        if word in command:
            return word
    return "the rest"


def _memory(pid: int) -> float:
    """Megabytes, what is shared counted in parts."""
    try:
        return int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def _cpu(pid: int) -> float:
    """Seconds of processor time so far."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what everything takes when nothing runs.")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to look (30: Prefect has work of its own as often)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
