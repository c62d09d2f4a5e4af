"""Who carries which dispatch until when, by the database's clock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Double, and_, bindparam, delete, exists, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import Row

from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.dispatches import lease
from application.ports.persistence.leases import Lease

_NOW: ColumnElement[Any] = func.clock_timestamp()
_IS_PAST = lease.c.expires_at <= _NOW


def _in(seconds: float | ColumnElement[float]) -> ColumnElement[Any]:
    return _NOW + func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def _grant() -> CompiledStatement:
    named: dict[str, Any] = {"run_id": bindparam("this_run"), "epoch": bindparam("this_epoch"), "worker": bindparam("this_worker")}
    new = upsert(lease).values(**named, expires_at=_in(bindparam("seconds", type_=Double)))
    replaced = {name: new.excluded[name] for name in ("epoch", "worker", "expires_at")}
    return CompiledStatement(new.on_conflict_do_update(index_elements=["run_id"], set_=replaced))


_GRANT = _grant()
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
        result = await self._extend(and_(named, lease.c.worker == worker, ~_IS_PAST), seconds)
        return {(row.run_id, row.epoch) for row in result}

    async def release(self, run_id: int, epoch: int) -> None:
        self._transaction.enqueue(_RELEASE, this_run=run_id, this_epoch=epoch)

    async def find_expired(self, limit: int) -> list[Lease]:
        past = select(lease).where(_IS_PAST).order_by(lease.c.expires_at).limit(limit)
        return [_lease(row) for row in await self._transaction.execute(past)]

    async def is_expired(self, run_id: int, epoch: int) -> bool:
        past = exists().where(lease.c.run_id == run_id, lease.c.epoch == epoch, _IS_PAST)
        return bool((await self._transaction.execute(select(past))).scalar_one())

    async def extend_all(self, seconds: float) -> None:
        await self._extend(None, seconds)

    async def find_held_by(self, worker: str) -> list[Lease]:
        held = select(lease).where(lease.c.worker == worker, ~_IS_PAST).order_by(lease.c.run_id)
        return [_lease(row) for row in await self._transaction.execute(held)]

    async def _extend(self, which: ColumnElement[bool] | None, seconds: float) -> Sequence[Row[Any]]:
        """Locks in the order of run ids first, so that two of these never wait for each other."""
        query = select(lease.c.run_id).order_by(lease.c.run_id).with_for_update()
        held = (query if which is None else query.where(which)).cte("held")
        change = update(lease).where(lease.c.run_id == held.c.run_id).values(expires_at=_in(seconds))
        if which is not None:
            change = change.where(which)
        return (await self._transaction.execute(change.returning(lease.c.run_id, lease.c.epoch))).all()


def _lease(row: Row[Any]) -> Lease:
    return Lease(row.run_id, row.epoch, row.worker)
