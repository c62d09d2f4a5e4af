"""Processes retries and deadlines that are due."""

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups

BATCH_SIZE = 100


class DueRunSweeper:
    """Queues retries whose delay has passed, and fails stages whose deadline has passed."""

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: LocalWakeups) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups

    async def run_once(self) -> None:
        async with self._open_unit_of_work() as work:
            due_ids = await work.runs.find_due(self._clock.now(), BATCH_SIZE)
            runs = await work.runs.lock(sorted(due_ids)) if due_ids else {}
            for run in runs.values():
                run.process_due(self._clock.now())
                await work.runs.save(run)
            await work.commit()
        if runs:
            self._wakeups.notify_committed(list(runs.values()))
