"""Measure the memory and CPU of an idle `headgate up`, and how long it takes to start. `python -m bench.idle`"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from bench.support.measurements import Measurement, print_measurements, print_progress, quantity
from bench.support.runs import create_pipeline, time_run, trivial_stages
from bench.support.stack import Stack, bench_stack, find_processes

_SETTLE_SECONDS = 25.0
"""After the first run, until the processes have finished starting."""


def main() -> None:
    arguments = _parse_arguments()
    with bench_stack() as (stack, _):
        print_measurements(measure(stack, arguments.seconds))


def measure(stack: Stack, seconds: float = 30.0) -> list[Measurement]:
    """Run on a stack that has just started."""
    create_pipeline(stack.http, "bench-idle", trivial_stages(1))
    time_run(stack.http, "bench-idle")
    print_progress("idle", 0, 1)
    time.sleep(_SETTLE_SECONDS)
    processes = sorted(find_processes(stack.home))
    before, started = sum(map(_read_cpu, processes)), time.perf_counter()
    time.sleep(seconds)
    used = (sum(map(_read_cpu, processes)) - before) / (time.perf_counter() - started)
    print_progress("idle", 1, 1)
    parts: dict[str, float] = {}
    for pid, command in find_processes(stack.home).items():
        name = _classify(command)
        parts[name] = parts.get(name, 0.0) + _read_memory(pid)
    return [
        quantity("cold start, database made, until the first answer", stack.first_page_seconds, "s"),
        quantity("cold start until triggers are taken", stack.ready_seconds, "s"),
        quantity("cold start until the first run has ended", stack.first_run_seconds, "s"),
        quantity("memory of everything, idle", sum(map(_read_memory, processes)), "MB"),
        *(quantity(f"  of it {part}", value, "MB") for part, value in sorted(parts.items(), key=lambda part: -part[1])),
        quantity("processor of everything, idle, of one core", used * 100, "%"),
    ]


def _classify(command: str) -> str:
    for word in ("postgres", "prefect", "worker", "web"):
        if word in command:
            return word
    return "the rest"


def _read_memory(pid: int) -> float:
    """Return the proportional set size in MB: shared pages count in part."""
    try:
        return int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("Pss:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def _read_cpu(pid: int) -> float:
    """Return the CPU seconds that the process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure an idle `headgate up`.")
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="seconds to observe (default: 30, the interval of Prefect's background work)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
