"""Stores the leases of workers on dispatches. Times are the database's clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, bindparam, delete, exists, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Row

from adapters.persistence.connection.clock import NOW, seconds_from_now
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.dispatches import lease
from application.ports.persistence.leases import Lease

_IS_EXPIRED = lease.c.expires_at <= NOW


def _build_grant() -> CompiledStatement:
    values: dict[str, Any] = {"run_id": bindparam("this_run"), "epoch": bindparam("this_epoch"), "worker": bindparam("this_worker")}
    new = upsert(lease).values(**values, expires_at=seconds_from_now(bindparam("seconds", type_=Double)))
    replaced = {name: new.excluded[name] for name in ("epoch", "worker", "expires_at")}
    return CompiledStatement(new.on_conflict_do_update(index_elements=["run_id"], set_=replaced))


_GRANT = _build_grant()
_RELEASE = CompiledStatement(delete(lease).where(lease.c.run_id == bindparam("this_run"), lease.c.epoch == bindparam("this_epoch")))


class SqlLeases:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def grant(self, lease_: Lease, seconds: float) -> None:
        self._transaction.enqueue(_GRANT, this_run=lease_.run_id, this_epoch=lease_.epoch, this_worker=lease_.worker, seconds=seconds)

    async def renew(self, worker: str, dispatches: Sequence[tuple[int, int]], seconds: float) -> set[tuple[int, int]]:
        if not dispatches:
            return set()
        named = tuple_(lease.c.run_id, lease.c.epoch).in_(sorted(set(dispatches)))
        result = await self._extend(and_(named, lease.c.worker == worker, ~_IS_EXPIRED), seconds)
        return {(row.run_id, row.epoch) for row in result}

    async def release(self, run_id: int, epoch: int) -> None:
        self._transaction.enqueue(_RELEASE, this_run=run_id, this_epoch=epoch)

    async def find_expired(self, limit: int) -> list[Lease]:
        past = select(lease).where(_IS_EXPIRED).order_by(lease.c.expires_at).limit(limit)
        return [_to_lease(row) for row in await self._transaction.execute(past)]

    async def is_expired(self, run_id: int, epoch: int) -> bool:
        past = exists().where(lease.c.run_id == run_id, lease.c.epoch == epoch, _IS_EXPIRED)
        return bool((await self._transaction.execute(select(past))).scalar_one())

    async def get_time(self) -> datetime:
        time: datetime = (await self._transaction.execute(select(NOW))).scalar_one()
        return time

    async def extend_all(self, seconds: float) -> None:
        await self._extend(None, seconds)

    async def find_held_by(self, worker: str) -> list[Lease]:
        held = select(lease).where(lease.c.worker == worker, ~_IS_EXPIRED).order_by(lease.c.run_id)
        return [_to_lease(row) for row in await self._transaction.execute(held)]

    async def _extend(self, condition: ColumnElement[bool] | None, seconds: float) -> Sequence[Row[Any]]:
        """Lock rows in the order of run ids, so that two of these do not deadlock."""
        query = select(lease.c.run_id).order_by(lease.c.run_id).with_for_update()
        held = (query if condition is None else query.where(condition)).cte("held")
        change = update(lease).where(lease.c.run_id == held.c.run_id).values(expires_at=seconds_from_now(seconds))
        if condition is not None:
            change = change.where(condition)
        return (await self._transaction.execute(change.returning(lease.c.run_id, lease.c.epoch))).all()


def _to_lease(row: Row[Any]) -> Lease:
    return Lease(row.run_id, row.epoch, row.worker)
