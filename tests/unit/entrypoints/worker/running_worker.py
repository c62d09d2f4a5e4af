"""A worker at work on a stand-in for the web."""

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
from entrypoints.worker.runner.stage_environment import StageSettings
from entrypoints.worker.runner.worker import Worker, WorkerTimings
from entrypoints.worker.stage_host.manager import StageHostManager
from tests.unit.entrypoints.worker.fake_web import TOKEN, FakeWeb


@dataclass
class RunningWorker:
    worker: Worker
    slots: Slots
    api: ApiClient
    leave: asyncio.Event
    life: asyncio.Task[None]


@contextlib.asynccontextmanager
async def running_worker(
    web: FakeWeb, folder: Path, slots: int = 4, timings: WorkerTimings | None = None, grace: float = 1.0, **around: Any
) -> AsyncIterator[RunningWorker]:
    """A worker that has its stream open; ended hard at the end, unless it has left by itself. `around` adds to its surroundings."""
    api = ApiClient(web.url, TOKEN, WorkerIdentity("tester", "headgate", slots))
    context = StageContext(StageHostManager(), api, StageSettings(folder, folder / "runs", dict(os.environ), **around), grace)
    await context.hosts.ensure_started()
    counted = Slots(slots)
    worker = Worker(context, counted, timings or WorkerTimings(heartbeat=0.5, drain=5.0))
    leave = asyncio.Event()
    life = asyncio.create_task(worker.run(leave))
    try:
        await asyncio.wait_for(worker.connected.wait(), 10)
        yield RunningWorker(worker, counted, api, leave, life)
        if not leave.is_set():
            for executor in worker.executors:
                executor.revoke()
            leave.set()
        await asyncio.wait_for(life, 20)
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        await context.hosts.close()
        await api.close()


def sh(name: str, script: str, **more: Any) -> dict[str, Any]:
    """A stage that is a shell script."""
    return {"name": name, "kind": "command", "shell": True, "command": script, **more}
