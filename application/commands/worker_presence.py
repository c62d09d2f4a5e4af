"""A worker process comes, and goes."""

from dataclasses import dataclass

from application.ports.clock import Clock
from application.ports.persistence import OpenUnitOfWork, WorkerSeen


@dataclass(frozen=True, slots=True)
class WorkerArrives:
    """Know the worker from now on; arriving again is being seen again."""

    open_unit_of_work: OpenUnitOfWork
    clock: Clock

    async def __call__(self, worker: WorkerSeen) -> None:
        async with self.open_unit_of_work() as work:
            await work.workers.seen(worker, self.clock.now())
            await work.commit()


@dataclass(frozen=True, slots=True)
class WorkerLeaves:
    """Forget the worker. What it still holds is judged by its leases."""

    open_unit_of_work: OpenUnitOfWork

    async def __call__(self, worker_id: str) -> None:
        async with self.open_unit_of_work() as work:
            await work.workers.gone(worker_id)
            await work.commit()
