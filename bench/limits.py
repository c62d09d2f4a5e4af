"""Measure what concurrency limits cost: `python -m bench.limits`.

The latency of triggers with and without limits, in turn; how soon the next run starts after a person raises a limit; and how long runs of
ten pipelines take that share one group.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from bench.support.measurements import Measurement, latency, print_measurements, print_progress, quantity
from bench.support.runs import RUN_SECONDS, create_pipeline, get_finish_time, repeat, wait_for_run
from bench.support.stack import Stack, bench_stack, wait_until

SHARING, RUNS_EACH, GROUP_LIMIT = 10, 12, 4
_GROUP = "bench-group"
_PAUSE_SECONDS = 0.3
_STAGE_SECONDS = 0.05
_WARM_UP_RUNS = 3


def main() -> None:
    with bench_stack() as (stack, folder):
        print_measurements(measure(stack, folder))


def measure(stack: Stack, folder: Path, runs: int = 60, raises: int = 12) -> list[Measurement]:
    """Run on a stack that is ready."""
    return [*_measure_triggers(stack, folder, runs), _measure_raises(stack, folder, raises), *_measure_group(stack)]


def _measure_triggers(stack: Stack, folder: Path, runs: int) -> list[Measurement]:
    """Trigger pipelines with and without limits in turn, so that both meet the same load of the machine."""
    command = ["/bin/sh", "-c", 'exec date +%s%N >"$BENCH_FOLDER/limits-$HEADGATE_RUN_ID"']
    stage = {"name": "first", "command": command, "env": {"BENCH_FOLDER": str(folder)}}
    concurrency = [{"limit": 10}, {"key": {"parameter": "customer"}, "limit": 5}, {"group": f"{_GROUP}-triggers", "limit": 20}]
    create_pipeline(stack.http, "bench-unlimited", [stage])
    create_pipeline(stack.http, "bench-limited", [stage], concurrency=concurrency)
    answers: dict[str, list[float]] = {"bench-unlimited": [], "bench-limited": []}
    starts: dict[str, list[float]] = {"bench-unlimited": [], "bench-limited": []}

    def trigger_both() -> float:
        for name in answers:
            answered, started = _time_start(stack.http, folder, name)
            answers[name].append(answered)
            starts[name].append(started)
            time.sleep(_PAUSE_SECONDS)
        return 0.0

    repeat("warming up", _WARM_UP_RUNS, trigger_both)
    for samples in (*answers.values(), *starts.values()):
        samples.clear()
    repeat("triggers with and without limits", runs, trigger_both)
    answer = latency("trigger answered, without limits", answers["bench-unlimited"])
    start = latency("trigger → first instruction, without limits", starts["bench-unlimited"])
    return [
        answer,
        latency("trigger answered, with three limits", answers["bench-limited"], answer),
        start,
        latency("trigger → first instruction, with three limits", starts["bench-limited"], start),
    ]


def _time_start(http: httpx.Client, folder: Path, name: str) -> tuple[float, float]:
    """Return the seconds from sending the trigger to its answer and to the first instruction of the stage's process."""
    sent, clock = time.time_ns(), time.perf_counter()
    run_id = http.post(f"/trigger/{name}").raise_for_status().json()["run_id"]
    answered = time.perf_counter() - clock
    started = _wait_for_instruction(folder / f"limits-{run_id}")
    wait_for_run(http, run_id)
    return answered, (started - sent) / 1e9


def _wait_for_instruction(file: Path) -> int:
    """Return the time that the stage wrote. Poll the file, not the API: requests would slow down what is measured."""
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), RUN_SECONDS, "the stage's first instruction")
    return int(file.read_text())


def _measure_raises(stack: Stack, folder: Path, times: int) -> Measurement:
    """Raise the limit of a group while a run waits for its slot."""
    group = f"{_GROUP}-raised"
    command = ["/bin/sh", "-c", 'date +%s%N >"$BENCH_FOLDER/limits-$HEADGATE_RUN_ID"; exec sleep 600']
    stage = {"name": "hold", "command": command, "env": {"BENCH_FOLDER": str(folder)}}
    set_limit: Callable[[int], object] = lambda limit: stack.http.put(f"/groups/{group}", json={"limit": limit}).raise_for_status()  # noqa: E731
    set_limit(1)
    create_pipeline(stack.http, "bench-raised", [stage], concurrency=[{"group": group}])

    def raise_limit() -> float:
        set_limit(1)
        holder, waiting = (stack.http.post("/trigger/bench-raised").raise_for_status().json()["run_id"] for _ in range(2))
        _wait_for_instruction(folder / f"limits-{holder}")
        time.sleep(_PAUSE_SECONDS)
        sent = time.time_ns()
        set_limit(2)
        started = _wait_for_instruction(folder / f"limits-{waiting}")
        for run_id in (holder, waiting):
            stack.http.post(f"/runs/{run_id}/cancel").raise_for_status()
        for run_id in (holder, waiting):
            wait_until(lambda: _is_over(stack.http, run_id), RUN_SECONDS, f"the end of run {run_id}")  # noqa: B023
        return (started - sent) / 1e9

    return latency("limit raised → first instruction of the run that waits", repeat("raised limits", times, raise_limit))


def _is_over(http: httpx.Client, run_id: int) -> bool:
    return http.get(f"/runs/{run_id}").raise_for_status().json()["finished_at"] is not None


def _measure_group(stack: Stack) -> list[Measurement]:
    """Run ten pipelines at once that share a group, each with a priority and a key of its own."""
    runs = SHARING * RUNS_EACH
    stages = [{"name": "work", "command": ["/bin/sleep", str(_STAGE_SECONDS)]}]
    for number in range(SHARING):
        concurrency = [{"group": _GROUP, "limit": GROUP_LIMIT}, {"key": {"parameter": "customer"}, "limit": 3}]
        keys = {"concurrency": concurrency, "priority": number, "parameters": {"type": "object"}}
        create_pipeline(stack.http, f"bench-shared-{number}", stages, **keys)
    print_progress(f"{runs} runs of {SHARING} pipelines on one group", 0, 1)
    elapsed = asyncio.run(_run_all(stack.url))
    print_progress(f"{runs} runs of {SHARING} pipelines on one group", 1, 1)
    least = runs * _STAGE_SECONDS / GROUP_LIMIT
    return [
        quantity(f"{runs} runs of {SHARING} pipelines on a group of {GROUP_LIMIT}, all completed", elapsed, "s"),
        quantity(
            "a slot of that group from the end of one run to the start of the next", 1_000 * (elapsed - least) * GROUP_LIMIT / runs, "ms"
        ),
    ]


async def _run_all(url: str) -> float:
    """Return the seconds from the first trigger to the end of the last run."""
    limits = httpx.Limits(max_connections=SHARING * RUNS_EACH)
    async with httpx.AsyncClient(base_url=url, timeout=RUN_SECONDS, trust_env=False, limits=limits) as http:
        sent = time.time()
        names = [f"bench-shared-{number}" for number in range(SHARING) for _ in range(RUNS_EACH)]
        bodies = [{"parameters": {"customer": f"customer-{index % 3}"}} for index in range(len(names))]
        answers = await asyncio.gather(*(http.post(f"/trigger/{name}", json=body) for name, body in zip(names, bodies, strict=True)))
        last = 0.0
        for answer in answers:
            run_id = answer.raise_for_status().json()["run_id"]
            async with asyncio.timeout(RUN_SECONDS):
                while (run := (await http.get(f"/runs/{run_id}")).raise_for_status().json())["finished_at"] is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            last = max(last, get_finish_time(run))
    return last - sent


if __name__ == "__main__":
    main()
