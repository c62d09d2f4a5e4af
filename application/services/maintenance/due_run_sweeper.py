"""Processes retries and deadlines that are due."""

from datetime import datetime, timedelta

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.maintenance.gap_detector import GapDetector

BATCH_SIZE = 100
MAX_GAP_SECONDS = 1.0
"""The longest time in which a sweeper may not have seen the store. It looks four times a second."""
GRACE_SECONDS = 30.0
"""Seconds after a gap in which no deadline is enforced, so that reports that were held up arrive first.

The commands that people paste to report give up a try after 10 s, and try again after 16 s at most.
"""
MAX_HELD_PASSES = 1_000
"""The longest row of passes without deadlines. An overloaded process, for which every pass is a gap, enforces deadlines after that."""


class DueRunSweeper:
    """Queues retries whose delay has passed, and fails stages whose deadline has passed.

    After a gap it enforces no deadline until the grace is over. Retries and reminders go on at once.
    """

    def __init__(
        self,
        open_unit_of_work: OpenUnitOfWork,
        clock: Clock,
        wakeups: LocalWakeups,
        *,
        grace_seconds: float = GRACE_SECONDS,
        max_gap_seconds: float = MAX_GAP_SECONDS,
    ) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups
        self._gaps = GapDetector(max_gap_seconds)
        self._grace = timedelta(seconds=grace_seconds)
        self._grace_ends_at: datetime | None = None
        self._held_passes = 0
        self._with_deadlines = False

    async def run_once(self) -> None:
        async with self._open_unit_of_work() as work:
            due_ids = await work.runs.find_due(self._clock.now(), BATCH_SIZE, with_deadlines=self._with_deadlines)
            runs = await work.runs.lock(sorted(due_ids)) if due_ids else {}
            now = self._clock.now()
            # Judged after the last answer of the store, which may have been held up.
            self._with_deadlines = self._may_enforce_deadlines(now)
            for run in runs.values():
                run.process_due(now, with_deadlines=self._with_deadlines)
                await work.runs.save(run)
            await work.commit()
        if runs:
            self._wakeups.notify_committed(list(runs.values()))

    def _may_enforce_deadlines(self, now: datetime) -> bool:
        if self._gaps.ends_gap(now) or self._grace_ends_at is None:
            self._grace_ends_at = now + self._grace
        is_over = now >= self._grace_ends_at
        self._held_passes = 0 if is_over else self._held_passes + 1
        return is_over or self._held_passes > MAX_HELD_PASSES
