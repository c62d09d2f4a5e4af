"""Stores worker processes as of their last message, and which workers have used which token."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.clock import seconds_ago
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.workers import token_worker, worker
from application.ports.persistence.workers import TokenWorker, WorkerStatus
from domain.errors import Conflict


class SqlWorkers:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def record_seen(self, worker_: WorkerStatus, now: datetime) -> bool:
        values = asdict(worker_) | {"seen_at": now}
        new = upsert(worker).values(values)
        refreshed = {name: new.excluded[name] for name in values if name != "id"}
        # A row of the release before has no token yet.
        is_same = and_(worker.c.name == new.excluded.name, _has_token(new.excluded.token_id))
        # A query in RETURNING sees the row as it was before the statement.
        previous = worker.alias("previous")
        token_before = select(previous.c.token_id).where(previous.c.id == worker_.id).scalar_subquery()
        statement = new.on_conflict_do_update(index_elements=["id"], set_=refreshed, where=is_same)
        row = (await self._transaction.execute(statement.returning(token_before.label("token_before")))).one_or_none()
        if row is None:
            raise Conflict("worker_id_taken", f"The id {worker_.id:.200} belongs to a worker with another name or token.")
        return worker_.token_id is not None and row.token_before != worker_.token_id

    async def remove(self, worker_id: str, token_id: int | None = None) -> None:
        await self._transaction.execute(delete(worker).where(worker.c.id == worker_id, _has_token(token_id)))

    async def record_token_use(self, token_id: int, name: str, address: str | None, now: datetime) -> bool:
        values = {"token_id": token_id, "name": name, "first_used_at": now, "used_at": now, "address": address}
        new = upsert(token_worker).values(values)
        refreshed = {column: new.excluded[column] for column in ("used_at", "address")}
        previous = token_worker.alias("previous")
        was_known = select(previous.c.name).where(previous.c.token_id == token_id, previous.c.name == name).exists()
        statement = new.on_conflict_do_update(index_elements=["token_id", "name"], set_=refreshed).returning(was_known.label("was_known"))
        return not (await self._transaction.execute(statement)).scalar_one()

    async def list_token_workers(self, token_ids: Collection[int], online_seconds: float, limit: int) -> Sequence[TokenWorker]:
        online = (
            select(worker.c.token_id, worker.c.name, func.count().label("processes"), _RUNNING_STAGES)
            .where(worker.c.token_id.in_(token_ids), worker.c.seen_at >= seconds_ago(online_seconds))
            .group_by(worker.c.token_id, worker.c.name)
            .subquery("online")
        )
        counts = [func.coalesce(online.c[name], 0).label(name) for name in ("processes", "running_stages")]
        in_order = (online.c.processes.is_(None), token_worker.c.used_at.desc(), token_worker.c.name)
        place = func.row_number().over(partition_by=token_worker.c.token_id, order_by=in_order).label("place")
        same = and_(online.c.token_id == token_worker.c.token_id, online.c.name == token_worker.c.name)
        placed = (
            select(token_worker, *counts, place)
            .select_from(token_worker.outerjoin(online, same))
            .where(token_worker.c.token_id.in_(token_ids))
            .subquery("placed")
        )
        columns = [column for column in placed.c if column.name != "place"]
        query = select(*columns).where(placed.c.place <= limit).order_by(placed.c.token_id, placed.c.place)
        return [TokenWorker(**row._mapping) for row in await self._transaction.execute(query)]


_RUNNING_STAGES = func.sum(worker.c.slots - worker.c.free).label("running_stages")


def _has_token(token_id: Any) -> Any:
    return or_(worker.c.token_id.is_(None), worker.c.token_id == token_id)
