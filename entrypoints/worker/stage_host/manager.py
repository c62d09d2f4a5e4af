"""Keeps a stage host running."""

from __future__ import annotations

import asyncio

from entrypoints.worker.stage_host.client import HostDied, StageHost
from entrypoints.worker.stage_host.job import Job, JobSpec


class StageHostManager:
    """One host at a time. After a host's death the next stage starts another."""

    def __init__(self, worker_id: str | None = None) -> None:
        self._worker_id = worker_id
        self._host: StageHost | None = None
        self._changing = asyncio.Lock()

    async def ensure_started(self) -> StageHost:
        """Return the running host, and start one if there is none."""
        if self._host is not None and self._host.is_alive:
            return self._host
        async with self._changing:
            if self._host is None or not self._host.is_alive:
                self._host = await StageHost.start(self._worker_id)
            return self._host

    async def run(self, job: JobSpec) -> Job:
        """Start a stage. A host that is found dead has not received it, so the next host does."""
        try:
            return await (await self.ensure_started()).run(job)
        except HostDied:
            return await (await self.ensure_started()).run(job)

    async def close(self) -> None:
        """Kill every stage and end the host."""
        if self._host is not None:
            await self._host.close()
