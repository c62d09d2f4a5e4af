"""A worker that runs against Headgate in this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrypoints.worker.client.api_client import ApiClient, WorkerIdentity
from entrypoints.worker.runner.slots import Slots
from entrypoints.worker.runner.stage_attempt import StageContext
from entrypoints.worker.runner.stage_environment import StageJobBuilder, StageSettings
from entrypoints.worker.runner.worker import Worker, WorkerTimings
from entrypoints.worker.stage_host.manager import StageHostManager
from tests.support.served_headgate import TOKEN, ServedHeadgate


@dataclass
class RunningWorker:
    worker: Worker
    slots: Slots
    api: ApiClient
    stop: asyncio.Event
    task: asyncio.Task[None]


@contextlib.asynccontextmanager
async def running_worker(
    web: ServedHeadgate,
    folder: Path,
    slots: int = 4,
    timings: WorkerTimings | None = None,
    grace: float = 1.0,
    client: type[ApiClient] = ApiClient,
    **settings: Any,
) -> AsyncIterator[RunningWorker]:
    """Run a worker and wait for its stream. At the end it is killed, unless it was stopped. `settings` are passed to StageSettings."""
    api = client(web.url, TOKEN, WorkerIdentity("tester", "headgate", slots))
    hosts = StageHostManager()
    builder = StageJobBuilder(StageSettings(folder, folder / "runs", dict(os.environ), **settings))
    context = StageContext(hosts, builder, api, grace)
    await hosts.ensure_started()
    worker = Worker(context, counted := Slots(slots), timings or WorkerTimings(heartbeat=0.5, drain=5.0))
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        await asyncio.wait_for(worker.connected.wait(), 10)
        yield RunningWorker(worker, counted, api, stop, task)
        if not stop.is_set():
            for executor in worker.executors:
                executor.revoke()
            stop.set()
        await asyncio.wait_for(task, 20)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await hosts.close()
        await api.close()


def sh(name: str, script: str, **keys: Any) -> dict[str, Any]:
    """Build a stage that runs a shell script."""
    return {"name": name, "kind": "command", "shell": True, "command": script, **keys}
