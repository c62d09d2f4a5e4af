"""Reads health metrics of the store in two short queries on indexes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Double, bindparam, cast, extract, func, select

from adapters.persistence.connection.clock import NOW, seconds_ago
from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.dispatches import outbox
from adapters.persistence.tables.runs import run
from adapters.persistence.tables.workers import worker
from application.ports.queries.health_metrics import HealthMetrics, PoolMetrics
from domain.runs.status import Status


def _since(name: str) -> Any:
    return seconds_ago(bindparam(name, type_=Double))


_AGE = cast(extract("epoch", NOW - func.min(outbox.c.created_at)), Double)
_METRICS = select(
    select(func.count()).select_from(outbox).scalar_subquery().label("depth"),
    func.coalesce(select(_AGE).scalar_subquery(), 0.0).label("age"),
    select(func.count()).select_from(run).where(run.c.status == Status.WAITING.value).scalar_subquery().label("waiting"),
    select(func.count())
    .select_from(run)
    .where(run.c.status == Status.QUEUED.value, run.c.created_at < _since("late_after"))
    .scalar_subquery()
    .label("late"),
    func.current_setting("server_version").label("version"),
)
_POOLS = (
    select(worker.c.pool, func.count().label("workers"), func.sum(worker.c.slots).label("slots"), func.sum(worker.c.free).label("free"))
    .where(worker.c.seen_at >= _since("seen_within"))
    .group_by(worker.c.pool)
    .order_by(worker.c.pool)
)


class SqlHealthMetricsReader:
    def __init__(self, connections: ConnectionPool) -> None:
        self._connections = connections

    async def read(self, late_after: float, seen_within: float) -> HealthMetrics:
        transaction = SqlTransaction(self._connections, None)
        try:
            metrics = (await transaction.execute(_METRICS, {"late_after": late_after})).one()
            pools = (await transaction.execute(_POOLS, {"seen_within": seen_within})).all()
        finally:
            await transaction.close()
        found = [PoolMetrics(row.pool, row.workers, row.slots, row.free) for row in pools]
        return HealthMetrics(metrics.depth, max(0.0, metrics.age), metrics.waiting, metrics.late, found, metrics.version.split()[0])

    def connections(self) -> tuple[int, int]:
        return self._connections.get_usage()
