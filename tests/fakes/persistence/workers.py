"""Workers in memory."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from application.ports.persistence.workers import TokenWorker, WorkerStatus
from domain.errors import Conflict
from tests.fakes.persistence import values
from tests.fakes.persistence.store import WorkerRow
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeWorkers:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def record_seen(self, worker: WorkerStatus, now: datetime) -> bool:
        tx = await self._transaction.begin_statement()
        for word in (worker.id, worker.name, worker.pool, worker.version):
            values.text(word)
        await tx.lock("worker", worker.id)
        self._require_token(tx, worker.token_id)
        row = tx.workers.get(worker.id)
        before = row.worker.token_id if row is not None else None
        if row is not None and (row.worker.name != worker.name or before not in (None, worker.token_id)):
            raise Conflict("worker_id_taken", f"The id {worker.id:.200} belongs to a worker with another name or token.")
        tx.workers[worker.id] = WorkerRow(worker, now)
        return worker.token_id is not None and before != worker.token_id

    async def remove(self, worker_id: str, token_id: int | None = None) -> None:
        tx = await self._transaction.begin_statement()
        await tx.lock("worker", worker_id)
        row = tx.workers.get(worker_id)
        if row is not None and row.worker.token_id in (None, token_id):
            tx.workers.pop(worker_id)

    async def record_token_use(self, token_id: int, name: str, address: str | None, now: datetime) -> bool:
        tx = await self._transaction.begin_statement()
        values.text(name)
        await tx.lock("token_worker", (token_id, name))
        self._require_token(tx, token_id)
        known = tx.token_workers.get((token_id, name))
        use = TokenWorker(token_id, name, now, now, address)
        tx.token_workers[token_id, name] = use if known is None else replace(known, used_at=now, address=address)
        return known is None

    async def list_token_workers(self, token_ids: Collection[int], online_seconds: float, limit: int) -> Sequence[TokenWorker]:
        tx = await self._transaction.begin_statement()
        now = tx.store.clock.now()
        online = [row.worker for row in tx.workers.values() if (now - row.seen_at).total_seconds() <= online_seconds]
        found: list[TokenWorker] = []
        for token_id in sorted(set(token_ids)):
            uses = [_count_processes(use, online) for use in tx.token_workers.values() if use.token_id == token_id]
            found += sorted(uses, key=lambda use: (not use.is_online, -use.used_at.timestamp(), use.name))[:limit]
        return found

    @staticmethod
    def _require_token(tx: Transaction, token_id: int | None) -> None:
        if token_id is not None and all(token.id != token_id for token in tx.api_tokens.values()):
            raise tx.abort(RowRejected(f"there is no token {token_id}"))


def _count_processes(use: TokenWorker, online: Sequence[WorkerStatus]) -> TokenWorker:
    own = [worker for worker in online if (worker.token_id, worker.name) == (use.token_id, use.name)]
    return replace(use, processes=len(own), running_stages=sum(worker.slots - worker.free for worker in own))
