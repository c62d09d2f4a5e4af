"""Runs of a stack, from the trigger to the end that the API tells of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import httpx

from bench.support.measurements import print_progress
from bench.support.stack import wait_until

RUN_SECONDS = 120.0
# So long after an end the next run starts on a machine that has written all of the last one down, in Prefect too.
_SETTLE = 0.4


def create_pipeline(http: httpx.Client, name: str, stages: Sequence[dict[str, Any]], **keys: Any) -> None:
    http.post("/pipelines/", json={"name": name, "stages": list(stages), **keys}).raise_for_status()


def trivial_stages(stages: int) -> list[dict[str, Any]]:
    """So many stages in sequence that do nothing."""
    return [{"name": f"stage-{number}", "command": ["/bin/true"]} for number in range(1, stages + 1)]


def time_run(http: httpx.Client, name: str) -> float:
    """Seconds from the sending of the trigger to the run's end, as its `finished_at` says."""
    sent = time.time()
    run_id = http.post(f"/trigger/{name}").raise_for_status().json()["run_id"]
    return get_finish_time(wait_for_run(http, run_id)) - sent


async def run_concurrently(url: str, name: str, times: int) -> float:
    """Seconds from the sending of the first of so many triggers to the end of the last run."""
    limits = httpx.Limits(max_connections=times)
    async with httpx.AsyncClient(base_url=url, timeout=RUN_SECONDS, trust_env=False, limits=limits) as http:
        sent = time.time()
        answers = await asyncio.gather(*(http.post(f"/trigger/{name}") for _ in range(times)))
        run_ids = [answer.raise_for_status().json()["run_id"] for answer in answers]
        ends = []
        for run_id in run_ids:
            async with asyncio.timeout(RUN_SECONDS):
                while (run := (await http.get(f"/runs/{run_id}")).raise_for_status().json())["finished_at"] is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert run["status"] == "completed", run
            ends.append(get_finish_time(run))
    return max(ends) - sent


def wait_for_run(http: httpx.Client, run_id: int) -> dict[str, Any]:
    def over() -> bool:
        return _run(http, run_id)["finished_at"] is not None

    wait_until(over, RUN_SECONDS, f"the end of run {run_id}")
    run = _run(http, run_id)
    assert run["status"] == "completed", run
    return run


def get_finish_time(run: dict[str, Any]) -> float:
    return datetime.fromisoformat(run["finished_at"]).timestamp()


def repeat(what: str, times: int, measured: Callable[[], float], settle: float = _SETTLE) -> list[float]:
    samples = []
    for number in range(times):
        print_progress(what, number, times)
        samples.append(measured())
        time.sleep(settle)
    print_progress(what, times, times)
    return samples


def _run(http: httpx.Client, run_id: int) -> dict[str, Any]:
    found: dict[str, Any] = http.get(f"/runs/{run_id}").raise_for_status().json()
    return found
