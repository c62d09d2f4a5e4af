"""What everything embedded takes when nothing runs, and how soon it is there: `python -m bench.idle`."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from bench._figures import Figure, amount, print_figures, progress
from bench._runs import create, end_to_end, trivial
from bench._stack import Stack, a_bench_stack, processes_of

_QUIET_SECONDS = 25.0
"""After the first run: for so long what was started is still busy with having started."""


def main() -> None:
    arguments = _arguments()
    with a_bench_stack() as (stack, _):
        print_figures(measure(stack, arguments.seconds))


def measure(stack: Stack, seconds: float = 30.0) -> list[Figure]:
    """On a stack that has just been started."""
    create(stack.http, "bench-idle", trivial(1))
    end_to_end(stack.http, "bench-idle")
    progress("idle", 0, 1)
    time.sleep(_QUIET_SECONDS)
    processes = _everything(stack)
    before, began = sum(map(_cpu, processes)), time.perf_counter()
    time.sleep(seconds)
    used = (sum(map(_cpu, processes)) - before) / (time.perf_counter() - began)
    progress("idle", 1, 1)
    parts: dict[str, float] = {}
    for pid, command in processes_of(stack.home).items():
        parts[_part(command)] = parts.get(_part(command), 0.0) + _memory(pid)
    return [
        amount("cold start, database made, until the first answer", stack.page_after, "s"),
        amount("cold start until triggers are taken", stack.ready_after, "s"),
        amount("cold start until the first run has ended", stack.first_run_after, "s"),
        amount("memory of everything, idle", sum(map(_memory, processes)), "MB"),
        *(amount(f"  of it {part}", value, "MB") for part, value in sorted(parts.items(), key=lambda part: -part[1])),
        amount("processor of everything, idle, of one core", used * 100, "%"),
    ]


def _everything(stack: Stack) -> list[int]:
    return sorted(processes_of(stack.home))


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
