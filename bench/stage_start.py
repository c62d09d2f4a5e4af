"""Measure the time from `StageHost.run()` to a stage's first instruction and to its reported end, for each kind of stage.

Run `python -m bench.stage_start [TIMES]` on an idle machine.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from entrypoints.worker.stage_host.client import StageHost
from entrypoints.worker.stage_host.job import JobSpec

_MODULE = "import time\nFIRST = time.time()\ndef main():\n    print(FIRST)\n"


def _build_jobs(folder: str) -> dict[str, JobSpec]:
    env = {"PATH": os.environ["PATH"]}
    return {
        "sh -c": JobSpec("command", folder, env, ["exec date +%s.%N"], shell=True),  # noqa: S604
        "date": JobSpec("command", folder, env, ["date", "+%s.%N"]),
        "callable": JobSpec("python", folder, env, callable="first_instruction:main"),
    }


async def _measure(host: StageHost, job: JobSpec, times: int) -> tuple[list[float], list[float]]:
    starts, ends = [], []
    for _ in range(times):
        started_at, clock = time.time(), time.perf_counter()
        running = await host.run(job)
        printed = [line.text async for line in running.lines]
        await running.wait()
        ends.append(time.perf_counter() - clock)
        if printed[0]:
            starts.append(float(printed[0]) - started_at)
    return starts, ends


async def main(times: int) -> None:
    """Measure each kind and print one line for it."""
    host = await StageHost.start()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "first_instruction.py").write_text(_MODULE)
        for name, job in _build_jobs(folder).items():
            await _measure(host, job, 10)
            starts, ends = await _measure(host, job, times)
            print(f"{name:10} first instruction {_format_percentiles(starts):24} reported end {_format_percentiles(ends)}")
    await host.close()


def _format_percentiles(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    ordered = sorted(seconds)
    return f"p50 {statistics.median(ordered) * 1000:.1f} p99 {ordered[int(len(ordered) * 0.99)] * 1000:.1f} ms"


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
