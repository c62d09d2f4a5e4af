"""A stage host that is there whenever a stage is to start."""

from __future__ import annotations

import asyncio

from entrypoints.worker.stage_host.client import HostDied, StageHost
from entrypoints.worker.stage_host.job import Job, JobSpec


class StageHostManager:
    """One host at a time; after one has died, the next stage gets another."""

    def __init__(self) -> None:
        self._host: StageHost | None = None
        self._changing = asyncio.Lock()

    async def ensure_started(self) -> StageHost:
        """The living host, started if there is none."""
        if self._host is not None and self._host.is_alive:
            return self._host
        async with self._changing:
            if self._host is None or not self._host.is_alive:
                self._host = await StageHost.start()
            return self._host

    async def run(self, job: JobSpec) -> Job:
        """Start a stage. A host that is found dead was never given it, so the next one is."""
        try:
            return await (await self.ensure_started()).run(job)
        except HostDied:
            return await (await self.ensure_started()).run(job)

    async def close(self) -> None:
        """Kill everything that runs."""
        if self._host is not None:
            await self._host.close()
