"""Workers in memory."""

from datetime import datetime

from application.ports.persistence.workers import WorkerStatus
from tests.fakes.persistence import values
from tests.fakes.persistence.store import WorkerRow
from tests.fakes.persistence.transaction import Transaction


class FakeWorkers:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def record_seen(self, worker: WorkerStatus, now: datetime) -> None:
        tx = await self._transaction.begin_statement()
        for word in (worker.id, worker.name, worker.pool, worker.version):
            values.text(word)
        await tx.lock("worker", worker.id)
        tx.workers[worker.id] = WorkerRow(worker, now)

    async def remove(self, worker_id: str) -> None:
        tx = await self._transaction.begin_statement()
        await tx.lock("worker", worker_id)
        tx.workers.pop(worker_id, None)
