"""Removes what belongs to deleted pipelines."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.pipeline_removal import PipelineRemoval
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock

INTERVAL_SECONDS = 5.0
PAUSE_SECONDS = 0.05
"""Between two batches, so that the database serves others meanwhile."""
QUIET_SECONDS = 30.0
"""How long a run's rows stay after its end, since its worker may still send log lines."""
BATCH_RUNS = 100
"""Runs that are cancelled in one transaction."""


class PipelineDeleter:
    """Cancels the active runs of deleted pipelines, and removes a batch of rows in each pass.

    Runs in every process. What a process that died left over is removed by the next pass of any other.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        removal: PipelineRemoval,
        clock: Clock,
        wakeups: Wakeups,
        *,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._removal = removal
        self._clock = clock
        self._wakeups = wakeups
        self._quiet = timedelta(seconds=quiet_seconds)
        self._has_more = False

    async def wait(self) -> None:
        await asyncio.sleep(PAUSE_SECONDS if self._has_more else INTERVAL_SECONDS)

    async def run_once(self) -> None:
        removed = 0
        for pipeline_id in await self._removal.find_deleted():
            await self._cancel_runs(pipeline_id)
            removed += await self._removal.remove_batch(pipeline_id, self._clock.now() - self._quiet)
        self._has_more = removed > 0

    async def _cancel_runs(self, pipeline_id: int) -> None:
        async with self._open_unit_of_work() as work:
            active = sorted((await work.runs.find_recent([pipeline_id]))[pipeline_id].active)
        for first in range(0, len(active), BATCH_RUNS):
            await self._cancel_batch(active[first : first + BATCH_RUNS])

    async def _cancel_batch(self, run_ids: Sequence[int]) -> None:
        async with self._open_unit_of_work() as work:
            runs = (await work.runs.lock(run_ids)).values()
            cancelled = [run for run in runs if not run.is_over and run.stop_requested_at is None]
            for run in cancelled:
                run.cancel(self._clock.now(), None, "The pipeline was deleted.")
            if cancelled:
                await work.runs.save(*cancelled)
                await work.commit()
        if cancelled:
            self._wakeups.notify_committed(cancelled)
