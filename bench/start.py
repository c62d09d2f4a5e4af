"""How long a start takes: `python -m bench.start`.

Everything is measured in one run on one machine, one `headgate up` with its own PostgreSQL, Prefect server and worker. The first
instruction of a stage is `date +%s%N` in place of the stage's shell (`exec`): its own start, 1 to 2 ms, is in the figure.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from bench._figures import Figure, figure, print_figures, progress
from bench._prefect import process_worker_starts
from bench._stack import Stack, running_stack, until

WARM_UP = 5
STAGES = 5
AT_ONCE = 20
_RUN_SECONDS = 60.0
# So long after an end the next run starts on a machine that has written all of the last one down, in Prefect too.
_SETTLE = 0.4


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="headgate-bench-", dir="/tmp") as folder, running_stack("--no-examples") as stack:
        Path(folder).chmod(0o755)
        stack.until_a_worker_is_there()
        stack.until_prefect_answers()
        print_figures(measure(stack, Path(folder), arguments.runs, arguments.rounds, arguments.prefect_runs))


def measure(stack: Stack, folder: Path, runs: int, rounds: int, prefect_runs: int) -> list[Figure]:
    """Every figure, on a stack that is up."""
    _create(stack.http, folder)
    _repeated("warming up", WARM_UP, lambda: _start(stack.http, folder))
    starts = _repeated("trigger → first instruction", runs, lambda: _start(stack.http, folder))
    chain = _repeated(f"{STAGES} stages in sequence", runs, lambda: _end_to_end(stack.http))
    bursts = _repeated(f"{AT_ONCE} runs at once", rounds, lambda: asyncio.run(_at_once(stack.url)))
    theirs = None
    if prefect_runs:
        theirs = figure("Prefect's process worker: trigger → first line", process_worker_starts(stack, folder, prefect_runs))
    figures = [
        figure("trigger → first instruction", starts, theirs),
        figure(f"{STAGES} trivial stages in sequence, end to end", chain),
        figure("the same, per stage", [seconds / STAGES for seconds in chain]),
        figure(f"{AT_ONCE} triggers of {STAGES} stages at once, all completed", bursts),
    ]
    return [*figures, theirs] if theirs else figures


def _create(http: httpx.Client, folder: Path) -> None:
    mark = {"BENCH_FOLDER": str(folder)}
    first = {"name": "first", "command": ["/bin/sh", "-c", 'exec date +%s%N >"$BENCH_FOLDER/$HEADGATE_RUN_ID"'], "env": mark}
    chain = [{"name": f"stage-{number}", "command": ["/bin/true"]} for number in range(1, STAGES + 1)]
    for name, stages in (("bench-start", [first]), ("bench-chain", chain)):
        http.post("/pipelines/", json={"name": name, "stages": stages}).raise_for_status()


def _start(http: httpx.Client, folder: Path) -> float:
    """Seconds from the sending of the trigger to the first instruction of the stage's own process."""
    sent = time.time_ns()
    run_id = http.post("/trigger/bench-start").raise_for_status().json()["run_id"]
    mark = folder / str(run_id)
    # The file is looked at, not the API: asking would take time from what is measured.
    until(lambda: mark.exists() and mark.read_text().endswith("\n"), _RUN_SECONDS, "the stage's first instruction")
    _ended(http, run_id)
    return (int(mark.read_text()) - sent) / 1e9


def _end_to_end(http: httpx.Client) -> float:
    """Seconds from the sending of the trigger to the run's end, as its `finished_at` says."""
    sent = time.time()
    run_id = http.post("/trigger/bench-chain").raise_for_status().json()["run_id"]
    return _finished(_ended(http, run_id)) - sent


async def _at_once(url: str) -> float:
    """Seconds from the sending of the first trigger to the end of the last run."""
    async with httpx.AsyncClient(base_url=url, timeout=_RUN_SECONDS, trust_env=False) as http:
        sent = time.time()
        answers = await asyncio.gather(*(http.post("/trigger/bench-chain") for _ in range(AT_ONCE)))
    run_ids = [answer.raise_for_status().json()["run_id"] for answer in answers]
    with httpx.Client(base_url=url, trust_env=False) as waiting:
        return max(_finished(_ended(waiting, run_id)) for run_id in run_ids) - sent


def _ended(http: httpx.Client, run_id: int) -> dict[str, Any]:
    def over() -> bool:
        return _run(http, run_id)["finished_at"] is not None

    until(over, _RUN_SECONDS, f"the end of run {run_id}")
    run = _run(http, run_id)
    assert run["status"] == "completed", run
    return run


def _run(http: httpx.Client, run_id: int) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"/runs/{run_id}").raise_for_status().json()
    return found


def _finished(run: dict[str, Any]) -> float:
    return datetime.fromisoformat(run["finished_at"]).timestamp()


def _repeated(what: str, times: int, measured: Callable[[], float]) -> list[float]:
    samples = []
    for number in range(times):
        progress(what, number, times)
        samples.append(measured())
        time.sleep(_SETTLE)
    progress(what, times, times)
    return samples


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how long a start takes, beside Prefect's own process worker.")
    parser.add_argument("--runs", type=int, default=50, help="triggers one at a time (50)")
    parser.add_argument("--rounds", type=int, default=5, help=f"rounds of {AT_ONCE} triggers at once (5)")
    parser.add_argument("--prefect-runs", type=int, default=3, help="runs by Prefect's worker, 8 s each; 0 for none (3)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
