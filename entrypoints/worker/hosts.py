"""A stage host that is there whenever a stage is to start."""

from __future__ import annotations

import asyncio

from entrypoints.worker.host_client import HostDied, StageHost
from entrypoints.worker.host_job import Job, StageJob


class Hosts:
    """One host at a time; after one has died, the next stage gets another."""

    def __init__(self) -> None:
        self._host: StageHost | None = None
        self._changing = asyncio.Lock()

    async def ready(self) -> StageHost:
        """The living host, started if there is none."""
        if self._host is not None and self._host.alive:
            return self._host
        async with self._changing:
            if self._host is None or not self._host.alive:
                self._host = await StageHost.start()
            return self._host

    async def run(self, job: StageJob) -> Job:
        """Start a stage. A host that is found dead was never given it, so the next one is."""
        try:
            return await (await self.ready()).run(job)
        except HostDied:
            return await (await self.ready()).run(job)

    async def close(self) -> None:
        """Kill everything that runs."""
        if self._host is not None:
            await self._host.close()
