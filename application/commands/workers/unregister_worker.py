"""Unregister a worker process."""

from dataclasses import dataclass

from application.ports.persistence.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, slots=True)
class UnregisterWorker:
    """Forget the worker. What it still holds is judged by its leases."""

    open_unit_of_work: OpenUnitOfWork

    async def __call__(self, worker_id: str) -> None:
        async with self.open_unit_of_work() as work:
            await work.workers.remove(worker_id)
            await work.commit()
