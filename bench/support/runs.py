"""Create pipelines, trigger runs and time them until their end, as the API reports it."""

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
_PAUSE_SECONDS = 0.4
"""After a run, so that the next one starts when everything about it has been written, in Prefect too."""


def create_pipeline(http: httpx.Client, name: str, stages: Sequence[dict[str, Any]], **keys: Any) -> None:
    http.post("/pipelines/", json={"name": name, "stages": list(stages), **keys}).raise_for_status()


def trivial_stages(count: int) -> list[dict[str, Any]]:
    """Return stages that do nothing, in sequence."""
    return [{"name": f"stage-{number}", "command": ["/bin/true"]} for number in range(1, count + 1)]


def time_run(http: httpx.Client, name: str) -> float:
    """Return the seconds from sending the trigger to the run's `finished_at`."""
    sent = time.time()
    run_id = http.post(f"/trigger/{name}").raise_for_status().json()["run_id"]
    return get_finish_time(wait_for_run(http, run_id)) - sent


async def run_concurrently(url: str, name: str, times: int) -> float:
    """Trigger the pipeline this many times at once. Return the seconds from the first trigger to the end of the last run."""
    limits = httpx.Limits(max_connections=times)
    async with httpx.AsyncClient(base_url=url, timeout=RUN_SECONDS, trust_env=False, limits=limits) as http:
        sent = time.time()
        responses = await asyncio.gather(*(http.post(f"/trigger/{name}") for _ in range(times)))
        run_ids = [response.raise_for_status().json()["run_id"] for response in responses]
        finish_times = []
        for run_id in run_ids:
            async with asyncio.timeout(RUN_SECONDS):
                while (run := (await http.get(f"/runs/{run_id}")).raise_for_status().json())["finished_at"] is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            assert run["status"] == "completed", run
            finish_times.append(get_finish_time(run))
    return max(finish_times) - sent


def wait_for_run(http: httpx.Client, run_id: int) -> dict[str, Any]:
    """Return the run when it has completed. Fail if it ends otherwise."""
    wait_until(lambda: _get_run(http, run_id)["finished_at"] is not None, RUN_SECONDS, f"the end of run {run_id}")
    run = _get_run(http, run_id)
    assert run["status"] == "completed", run
    return run


def get_finish_time(run: dict[str, Any]) -> float:
    return datetime.fromisoformat(run["finished_at"]).timestamp()


def repeat(task: str, times: int, measure: Callable[[], float], pause: float = _PAUSE_SECONDS) -> list[float]:
    """Return the results of `measure`, called this many times with a pause after each."""
    samples = []
    for number in range(times):
        print_progress(task, number, times)
        samples.append(measure())
        time.sleep(pause)
    print_progress(task, times, times)
    return samples


def _get_run(http: httpx.Client, run_id: int) -> dict[str, Any]:
    run: dict[str, Any] = http.get(f"/runs/{run_id}").raise_for_status().json()
    return run
