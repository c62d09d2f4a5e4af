"""A worker at work on a stand-in for the web."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrypoints.worker.attempt import Bench
from entrypoints.worker.hosts import Hosts
from entrypoints.worker.link import Identity, Link
from entrypoints.worker.slots import Slots
from entrypoints.worker.worker import Rhythm, Worker
from entrypoints.worker.world import Surroundings
from tests.worker.gate import TOKEN, Gate


@dataclass
class AtWork:
    worker: Worker
    slots: Slots
    link: Link
    leave: asyncio.Event
    life: asyncio.Task[None]


@contextlib.asynccontextmanager
async def at_work(
    gate: Gate, folder: Path, slots: int = 4, rhythm: Rhythm | None = None, grace: float = 1.0, **around: Any
) -> AsyncIterator[AtWork]:
    """A worker that has its stream open; ended hard at the end, unless it has left by itself. `around` adds to its surroundings."""
    link = Link(gate.url, TOKEN, Identity("tester", "headgate", slots))
    bench = Bench(Hosts(), link, Surroundings(folder, folder / "runs", dict(os.environ), **around), grace)
    await bench.hosts.ready()
    counted = Slots(slots)
    worker = Worker(bench, counted, rhythm or Rhythm(heartbeat=0.5, drain=5.0))
    leave = asyncio.Event()
    life = asyncio.create_task(worker.run(leave))
    try:
        await asyncio.wait_for(worker.linked.wait(), 10)
        yield AtWork(worker, counted, link, leave, life)
        if not leave.is_set():
            for carrier in worker.carriers:
                carrier.refuse()
            leave.set()
        await asyncio.wait_for(life, 20)
    finally:
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
        await bench.hosts.close()
        await link.close()


def sh(name: str, script: str, **more: Any) -> dict[str, Any]:
    """A stage that is a shell script."""
    return {"name": name, "kind": "command", "shell": True, "command": script, **more}
