"""Measure stages that run Prefect deployments: `python -m bench.deployments`.

How soon Prefect has the flow run after the stage has become ready, and how many requests follow 200 flow runs that wait. The pool has no
worker, so no flow run changes. Headgate reaches Prefect through a proxy that counts its requests; the times include it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from bench.support.counted_prefect import CountedPrefect, counted_prefect
from bench.support.measurements import Measurement, latency, print_measurements, print_progress, quantity
from bench.support.runs import RUN_SECONDS, create_pipeline, repeat
from bench.support.stack import wait_until
from bench.support.web_process import WebProcess, postgres_server, web_process

FOLLOWED = 200
WARM_UP_RUNS = 5
_POOL = "bench"
_SETTLE_SECONDS = 40.0
"""After the last flow run was created: those that have just been queued are looked at more often."""


def main() -> None:
    with deployment_stack() as (web, prefect):
        print_measurements(measure(web, prefect))


@contextmanager
def deployment_stack() -> Iterator[tuple[WebProcess, CountedPrefect]]:
    """Run one web process and a Prefect server with the deployment `bench/waiting`."""
    with postgres_server() as server, counted_prefect(server) as prefect:
        prefect.http.post("/work_pools/", json={"name": _POOL, "type": "process"}).raise_for_status()
        flow = prefect.http.post("/flows/", json={"name": "bench"}).raise_for_status().json()
        deployment = {"name": "waiting", "flow_id": flow["id"], "work_pool_name": _POOL, "entrypoint": "flows.py:bench"}
        prefect.http.post("/deployments/", json=deployment).raise_for_status()
        settings = {"HEADGATE_PREFECT_API_URL": prefect.api_url, "HEADGATE_PREFECT_API_AUTH_STRING": prefect.auth_string}
        with web_process(server, settings) as web:
            stages = [{"name": "train", "kind": "prefect", "deployment": "bench/waiting"}]
            create_pipeline(web.http, "bench-deployment", stages)
            yield web, prefect


def measure(web: WebProcess, prefect: CountedPrefect, runs: int = 100, seconds: float = 60.0) -> list[Measurement]:
    """Run on a stack that is ready."""
    repeat("warming up", WARM_UP_RUNS, lambda: _time_creation(web))
    delays = repeat("stage → flow run", runs, lambda: _time_creation(web))
    return [
        latency("stage is ready → Prefect has created its flow run", delays),
        _count_requests(web, prefect, FOLLOWED - runs - WARM_UP_RUNS, seconds),
    ]


def _time_creation(web: WebProcess) -> float:
    """Return the seconds from the stage's event `queued` to the event that names its flow run. Both are times of the database's clock."""
    run_id = web.trigger("bench-deployment")
    wait_until(lambda: _is_created(web, run_id), RUN_SECONDS, "the flow run")
    times = {_describe(event): datetime.fromisoformat(event["at"]) for event in _list_events(web, run_id)}
    return (times["created"] - times["queued"]).total_seconds()


def _count_requests(web: WebProcess, prefect: CountedPrefect, more: int, seconds: float) -> Measurement:
    """Start more runs until FOLLOWED flow runs wait; count the requests to Prefect within so many seconds."""
    run_ids = [web.trigger("bench-deployment") for _ in range(more)]
    for run_id in run_ids:
        wait_until(partial(_is_created, web, run_id), RUN_SECONDS, "the flow run")
    time.sleep(_SETTLE_SECONDS)
    print_progress(f"requests for {FOLLOWED} flow runs", 0, 1)
    first = len(prefect.paths)
    time.sleep(seconds)
    counted = prefect.paths[first:]
    print_progress(f"requests for {FOLLOWED} flow runs", 1, 1)
    print(Counter(counted))
    return quantity(f"requests to Prefect to follow {FOLLOWED} flow runs", len(counted) / seconds, "/s")


def _is_created(web: WebProcess, run_id: int) -> bool:
    (stage,) = web.http.get(f"/runs/{run_id}/stages").raise_for_status().json()
    return bool(stage["prefect"] and stage["prefect"]["flow_run_id"])


def _list_events(web: WebProcess, run_id: int) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = web.http.get(f"/runs/{run_id}/events").raise_for_status().json()
    return events


def _describe(event: dict[str, Any]) -> str:
    return "created" if (event.get("data") or {}).get("flow_run") else str(event["status"])


if __name__ == "__main__":
    main()
