"""Unregister a worker process."""

from dataclasses import dataclass

from application.ports.persistence.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, slots=True)
class UnregisterWorker:
    """Remove the worker, unless it has another token. The dispatches that it still holds end when their leases expire."""

    open_unit_of_work: OpenUnitOfWork

    async def __call__(self, worker_id: str, token_id: int | None = None) -> None:
        async with self.open_unit_of_work() as work:
            await work.workers.remove(worker_id, token_id)
            await work.commit()
