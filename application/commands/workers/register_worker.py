"""Register a worker process."""

from dataclasses import dataclass

from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.persistence.workers import WorkerStatus
from application.ports.system.clock import Clock


@dataclass(frozen=True, slots=True)
class RegisterWorker:
    """Store the worker, or update it if it is known."""

    open_unit_of_work: OpenUnitOfWork
    clock: Clock

    async def __call__(self, worker: WorkerStatus) -> None:
        async with self.open_unit_of_work() as work:
            await work.workers.record_seen(worker, self.clock.now())
            await work.commit()
