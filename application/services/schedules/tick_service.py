"""Opens the runs of schedules at their times, in every web process."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final

from application.commands.runs.run_opener import RunOpener
from application.observability.tick_tracer import TickTracer
from application.ports.persistence.schedules import LockedSchedule, NextWake
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.telemetry.telemetry import Telemetry
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.failure_isolation import FailureIsolation
from application.services.schedules.schedule_pauses import SchedulePauses
from application.services.schedules.schedule_times import ScheduleTimes
from application.services.schedules.tick_batch import TickBatch

BATCH_SIZE: Final = 50
"""Schedules of one transaction."""
MAX_SLEEP_SECONDS: Final = 30.0
MAX_WAITING_SLEEP_SECONDS: Final = 1.0
"""The longest sleep while a tick waits for an earlier run."""
MIN_SLEEP_SECONDS: Final = 0.02
"""The shortest sleep, while another process has locked what is due."""
_EXTRA_SECONDS: Final = 0.0005
"""Added to each sleep, because a timer may fire a little before the clock shows the time."""


class TickService:
    """Each schedule is locked by one process at a time, so that each tick is decided once, in a transaction with its run.

    A process locks pipelines without waiting, so services never wait for each other.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        run_opener: RunOpener,
        times: ScheduleTimes,
        wakeups: LocalWakeups,
        telemetry: Telemetry,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._run_opener = run_opener
        self._clock = run_opener.clock
        self._pauses = SchedulePauses(times)
        self._tracer = TickTracer(telemetry)
        self._batch = TickBatch(times, run_opener, self._tracer)
        self._wakeups = wakeups
        self._next = NextWake(None, False)
        self._is_first = True
        self._isolation = FailureIsolation()

    async def wait(self) -> None:
        """Return when the next schedule is due, when a schedule changed or a scheduled run ended, after MAX_SLEEP_SECONDS at most."""
        if self._is_first:
            self._is_first = False
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._get_sleep_seconds()):
                await self._wakeups.schedules.wait()

    async def run_once(self) -> None:
        """Decide all ticks that are due. Raise the last error of a schedule whose ticks could not be decided."""
        self._wakeups.schedules.clear()
        await self._isolation.run_batches(self._process_batch)

    async def _process_batch(self) -> bool:
        """Decide the ticks of the next schedules. Return False if none is due."""
        with self._isolation.isolate() as ids, self._run_opener.begin() as opening:
            async with self._open_unit_of_work() as work:
                now = self._clock.now()
                locked = await self._lock(work, self._isolation.take_limit(BATCH_SIZE))
                if not locked:
                    self._next = await work.schedules.find_next_wake(self._isolation.excluded)
                    return False
                ids.update(each.schedule.id for each in locked)
                with self._tracer.trace_batch(len(locked)):
                    active = await self._pauses.end_expired(work, locked, now)
                    decided = await self._batch.decide(work, active, opening, now)
                    await work.commit()
            opening.notify()
        self._wakeups.notify_committed(decided.cancelled)
        return True

    async def _lock(self, work: UnitOfWork, limit: int) -> Sequence[LockedSchedule]:
        due = await work.schedules.lock_due(self._clock.now(), limit, self._isolation.excluded)
        if due or self._run_opener.disk_space.shortage() is not None:
            return due
        return await work.schedules.lock_released(limit, self._isolation.excluded)

    def _get_sleep_seconds(self) -> float:
        longest = MAX_WAITING_SLEEP_SECONDS if self._next.has_waiting else MAX_SLEEP_SECONDS
        if self._next.fire_at is None:
            return longest
        remaining = (self._next.fire_at - self._clock.now()).total_seconds() + _EXTRA_SECONDS
        return min(longest, max(MIN_SLEEP_SECONDS, remaining))
