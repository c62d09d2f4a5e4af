"""Stores worker processes as of their last message."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.workers import worker
from application.ports.persistence.workers import WorkerStatus


class SqlWorkers:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def record_seen(self, worker_: WorkerStatus, now: datetime) -> None:
        values = asdict(worker_) | {"seen_at": now}
        new = upsert(worker).values(values)
        refreshed = {name: new.excluded[name] for name in values if name != "id"}
        await self._transaction.execute(new.on_conflict_do_update(index_elements=["id"], set_=refreshed))

    async def remove(self, worker_id: str) -> None:
        await self._transaction.execute(delete(worker).where(worker.c.id == worker_id))
