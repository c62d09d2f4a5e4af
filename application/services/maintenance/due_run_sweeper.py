"""TODO."""

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from application.services.dispatch.local_wakeups import LocalWakeups
from application.services.maintenance.lease_sweeper import BATCH


class DueRunSweeper:
    """Queues retries whose time has come and fails what passed its deadline."""

    def __init__(self, open_unit_of_work: OpenUnitOfWork, clock: Clock, wakeups: LocalWakeups) -> None:
        self._open_unit_of_work = open_unit_of_work
        self._clock = clock
        self._wakeups = wakeups

    async def run_once(self) -> None:
        async with self._open_unit_of_work() as work:
            find_due = await work.runs.find_due(self._clock.now(), BATCH)
            runs = await work.runs.lock(sorted(find_due)) if find_due else {}
            for run in runs.values():
                run.process_due(self._clock.now())
                await work.runs.save(run)
            await work.commit()
        if runs:
            self._wakeups.notify_committed(list(runs.values()))
