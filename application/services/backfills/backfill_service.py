"""Opens the runs of backfills, in every web process."""

import asyncio
import contextlib
from typing import Final

from application.commands.runs.run_opener import RunOpener
from application.observability.backfill_tracer import BackfillTracer
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.telemetry.telemetry import Telemetry
from application.services.backfills.backfill_step import BackfillStep
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.failure_isolation import FailureIsolation

MAX_SLEEP_SECONDS: Final = 30.0
MAX_UNFINISHED_SLEEP_SECONDS: Final = 1.0
"""The longest sleep while a backfill has ticks that did not end: their runs may end in other processes."""


class BackfillService:
    """One process at a time locks a backfill, so that each of its ticks opens one run, in a transaction with the backfill's progress.

    A process locks backfills and their pipelines without waiting, so services never wait for each other.
    """

    def __init__(self, open_unit_of_work: OpenUnitOfWork, run_opener: RunOpener, wakeups: LocalWakeups, telemetry: Telemetry) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._run_opener = run_opener
        self._wakeups = wakeups
        self._tracer = BackfillTracer(telemetry)
        self._step = BackfillStep(run_opener, self._tracer)
        self._has_unfinished: bool | None = None
        """Whether backfills may be unfinished. None before the first pass, and True after one that failed."""
        self._isolation = FailureIsolation()

    async def wait(self) -> None:
        """Return when a backfill or one of its runs changed in this process, and after a short time while a backfill is unfinished."""
        if self._has_unfinished is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MAX_UNFINISHED_SLEEP_SECONDS if self._has_unfinished else MAX_SLEEP_SECONDS):
                await self._wakeups.backfills.wait()

    async def run_once(self) -> None:
        """Move all backfills on that have something to do. Raise the last error of one that could not be moved."""
        self._wakeups.backfills.clear()
        self._has_unfinished = True
        await self._isolation.run_batches(self._process_next)

    async def _process_next(self) -> bool:
        """Move the next backfill on. Return False if none has anything to do."""
        with self._isolation.isolate() as ids, self._run_opener.begin() as opening:
            async with self._open_unit_of_work() as work:
                now = self._run_opener.clock.now()
                locked = await work.backfills.lock_due(now, self._isolation.excluded)
                if locked is None:
                    self._has_unfinished = await work.backfills.has_unfinished(self._isolation.excluded)
                    return False
                ids.add(locked.backfill.id)
                with self._tracer.trace_pass(locked.pipeline.name):
                    await self._step.take(work, locked, opening, now)
                    await work.commit()
            opening.notify()
        self._wakeups.notify_committed()
        return True
