"""People who pause, resume, archive and change scheduled pipelines."""

import asyncio
from collections.abc import Mapping
from typing import Any

from domain.errors import Conflict, Unavailable
from tests.simulation.context import SimulationContext
from tests.simulation.runtime.network import NoAnswer
from tests.simulation.schedules.schedule_plan import Operation

MAX_TRIES = 10


class Operators:
    """`pipelines` are the definitions by name."""

    def __init__(self, context: SimulationContext, pipelines: Mapping[str, Mapping[str, Any]]) -> None:
        self._context = context
        self._pipelines = {name: raw for name, raw in pipelines.items() if "schedules" in raw}

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for operation in self._context.plan.operations:
            await asyncio.sleep(max(0.0, operation.at - loop.time()))
            await self._perform(operation)

    async def resume_all(self) -> None:
        """Leave nothing paused or archived."""
        for name in self._pipelines:
            for kind in ("resume schedule", "unarchive", "resume"):
                for _ in range(MAX_TRIES):
                    if await self._perform(Operation(0.0, kind, name, "")):
                        break
                    await asyncio.sleep(1.0)

    async def _perform(self, operation: Operation) -> bool:
        """Return True if the operation was answered."""
        web = self._context.pick_web()
        raw = self._pipelines.get(operation.pipeline)
        if raw is None:
            return True  # a smaller plan has no such pipeline
        try:
            await self._context.network.call(web, operation.kind, lambda: web.operate(operation, raw))
        except (NoAnswer, Unavailable, Conflict):
            return False
        self._context.note(operation.kind, operation.pipeline)
        return True
