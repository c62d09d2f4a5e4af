"""Opens the runs of schedules at their times, in every web process."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Final

from application.commands.runs.run_opener import RunOpener
from application.observability.tick_tracer import TickTracer
from application.ports.persistence.schedules import LockedSchedule, NextWake
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.telemetry.telemetry import Telemetry
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.schedules.schedule_pauses import SchedulePauses
from application.services.schedules.schedule_times import ScheduleTimes
from application.services.schedules.tick_batch import TickBatch
from domain.errors import Unavailable

BATCH_SIZE: Final = 50
"""Schedules of one transaction."""
MAX_SLEEP_SECONDS: Final = 30.0
MAX_WAITING_SLEEP_SECONDS: Final = 1.0
"""The longest sleep while a tick waits for an earlier run."""
MIN_SLEEP_SECONDS: Final = 0.02
"""The shortest sleep, while another process has locked what is due."""
_EXTRA_SECONDS: Final = 0.0005
"""Added to each sleep, because a timer may fire a little before the clock shows the time."""
QUARANTINE_SECONDS: Final = 60.0
"""How long a schedule is left alone whose ticks could not be decided."""


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
        self._single_passes = 0
        """The number of next passes that take one schedule each, after a batch failed."""
        self._quarantine: dict[int, float] = {}

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
        self._release_quarantined()
        failure: Exception | None = None
        while True:
            try:
                if not await self._process_batch():
                    break
            except _BatchFailed as error:
                failure = error.__cause__ if isinstance(error.__cause__, Exception) else error
        if failure is not None:
            raise failure

    async def _process_batch(self) -> bool:
        """Decide the ticks of the next schedules. Return False if none is due."""
        limit = 1 if self._single_passes else BATCH_SIZE
        self._single_passes = max(0, self._single_passes - 1)
        locked: Sequence[LockedSchedule] = ()
        try:
            with self._run_opener.begin() as opening:
                async with self._open_unit_of_work() as work:
                    now = self._clock.now()
                    locked = await self._lock(work, limit)
                    if not locked:
                        self._next = await work.schedules.find_next_wake(self._quarantine)
                        return False
                    with self._tracer.trace_batch(len(locked)):
                        active = await self._pauses.end_expired(work, locked, now)
                        decided = await self._batch.decide(work, active, opening, now)
                        await work.commit()
                opening.notify()
        except Unavailable:
            raise
        except Exception as error:
            self._isolate_failure(locked)
            raise _BatchFailed from error
        self._wakeups.notify_committed(decided.cancelled)
        return True

    async def _lock(self, work: UnitOfWork, limit: int) -> Sequence[LockedSchedule]:
        due = await work.schedules.lock_due(self._clock.now(), limit, self._quarantine)
        if due or self._run_opener.disk_space.shortage() is not None:
            return due
        return await work.schedules.lock_released(limit, self._quarantine)

    def _isolate_failure(self, locked: Sequence[LockedSchedule]) -> None:
        """Take the schedules of a failed batch one by one, and leave one that fails alone for a while."""
        if len(locked) == 1:
            self._quarantine[locked[0].schedule.id] = time.monotonic() + QUARANTINE_SECONDS
        self._single_passes += len(locked)

    def _release_quarantined(self) -> None:
        self._quarantine = {id: until for id, until in self._quarantine.items() if until > time.monotonic()}

    def _get_sleep_seconds(self) -> float:
        longest = MAX_WAITING_SLEEP_SECONDS if self._next.has_waiting else MAX_SLEEP_SECONDS
        if self._next.fire_at is None:
            return longest
        remaining = (self._next.fire_at - self._clock.now()).total_seconds() + _EXTRA_SECONDS
        return min(longest, max(MIN_SLEEP_SECONDS, remaining))


class _BatchFailed(Exception):
    """The ticks of some schedules could not be decided, for a reason that another pass would not remove."""
