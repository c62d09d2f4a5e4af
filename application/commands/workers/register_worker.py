"""Register a worker process."""

from dataclasses import dataclass

from application.commands.workers.worker_registration import record_worker
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.persistence.workers import WorkerStatus
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor


@dataclass(frozen=True, slots=True)
class RegisterWorker:
    """Store the worker, or update it if it is known. Raises Conflict `worker_id_taken` if its id belongs to another one."""

    open_unit_of_work: OpenUnitOfWork
    clock: Clock

    async def __call__(self, worker: WorkerStatus, actor: Actor = ANONYMOUS_ACTOR) -> None:
        async with self.open_unit_of_work() as work:
            await record_worker(work, worker, actor, self.clock.now())
            await work.commit()
