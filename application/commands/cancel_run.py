"""Stop a run."""

from dataclasses import dataclass

from application.ports.clock import Clock
from application.ports.persistence import OpenUnitOfWork
from application.ports.wakeups import Wakeups
from domain.errors import NotFound
from domain.status import Status


@dataclass(frozen=True, slots=True)
class Cancelled:
    """`status` is `cancelled` when nothing ran, else what the run still is until its worker has killed what runs."""

    run_id: int
    number: int
    status: Status


@dataclass(frozen=True, slots=True)
class CancelRun:
    """End everything that does not run now and have the rest killed. NotFound; Conflict `run_over` once it is over.

    Asking twice is asking once.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, run_id: int, actor: str | None = None, why: str | None = None) -> Cancelled:
        async with self.open_unit_of_work() as work:
            run = (await work.runs.lock([run_id])).get(run_id)
            if run is None:
                raise NotFound("run", run_id)
            run.cancel(self.clock.now(), actor, why)
            await work.runs.save(run)
            await work.commit()
        self.wakeups.committed([run])
        return Cancelled(run.id, run.number, run.status)
