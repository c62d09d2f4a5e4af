"""Reads health metrics of the store in three short queries."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Double, bindparam, case, cast, extract, func, select

from adapters.persistence.connection.clock import NOW, seconds_ago
from adapters.persistence.connection.connection_pool import ConnectionPool
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.concurrency import concurrency_limit, slot, slot_wait
from adapters.persistence.tables.deliveries import delivery
from adapters.persistence.tables.dispatches import outbox
from adapters.persistence.tables.flow_runs import flow_run
from adapters.persistence.tables.incidents import incident
from adapters.persistence.tables.pipelines import pipeline
from adapters.persistence.tables.runs import run
from adapters.persistence.tables.workers import worker
from application.ports.queries.health_metrics import HealthMetrics, LimitMetrics, PoolMetrics
from domain.alerts.delivery import DeliveryState
from domain.runs.dispatch import DispatchState
from domain.runs.status import Status

MAX_LIMITS: Final = 1_000
"""Concurrency limits of which the slots are counted."""


def _since(name: str) -> Any:
    return seconds_ago(bindparam(name, type_=Double))


_AGE = cast(extract("epoch", NOW - func.min(outbox.c.created_at)), Double)
_WAITS_SINCE = func.coalesce(delivery.c.first_tried_at, delivery.c.due_at)
_DELIVERY_AGE = (
    select(cast(extract("epoch", NOW - func.min(_WAITS_SINCE)), Double))
    .where(delivery.c.state == DeliveryState.SCHEDULED.value, delivery.c.held_by.is_(None), _WAITS_SINCE <= NOW)
    .scalar_subquery()
)
_OPEN_INCIDENTS = select(func.count()).select_from(incident).where(incident.c.resolved_at.is_(None)).scalar_subquery()
_FOLLOWED = select(func.count()).select_from(flow_run).where(flow_run.c.flow_run_id.is_not(None)).scalar_subquery()
_FLOW_RUN_AGE = (
    select(cast(extract("epoch", NOW - func.min(flow_run.c.requested_at)), Double))
    .where(flow_run.c.flow_run_id.is_(None), flow_run.c.cancel_requested_at.is_(None))
    .scalar_subquery()
)
_METRICS = select(
    select(func.count()).select_from(outbox).scalar_subquery().label("depth"),
    func.coalesce(select(_AGE).scalar_subquery(), 0.0).label("age"),
    select(func.count()).select_from(run).where(run.c.status == Status.WAITING.value).scalar_subquery().label("waiting"),
    select(func.count())
    .select_from(run)
    .where(
        run.c.status == Status.QUEUED.value,
        run.c.dispatch_state != DispatchState.NONE.value,
        run.c.created_at < _since("late_after"),
    )
    .scalar_subquery()
    .label("late"),
    _OPEN_INCIDENTS.label("open_incidents"),
    func.coalesce(_DELIVERY_AGE, 0.0).label("delivery_age"),
    _FOLLOWED.label("followed"),
    func.coalesce(_FLOW_RUN_AGE, 0.0).label("flow_run_age"),
    func.current_setting("server_version").label("version"),
)
_POOLS = (
    select(worker.c.pool, func.count().label("workers"), func.sum(worker.c.slots).label("slots"), func.sum(worker.c.free).label("free"))
    .where(worker.c.seen_at >= _since("seen_within"))
    .group_by(worker.c.pool)
    .order_by(worker.c.pool)
)


_HELD = select(slot.c.limit_name, func.count().label("held")).group_by(slot.c.limit_name).subquery()
_WAITING = select(slot_wait.c.limit_name, func.count().label("waiting")).group_by(slot_wait.c.limit_name).subquery()
_OWN_PREFIX = func.concat("pipeline:", pipeline.c.id)
_LIMITS = (
    select(
        case(
            (pipeline.c.id.is_(None), concurrency_limit.c.name),
            else_=func.concat(pipeline.c.name, func.substr(concurrency_limit.c.name, func.length(_OWN_PREFIX) + 1)),
        ).label("limit"),
        func.coalesce(_HELD.c.held, 0).label("held"),
        func.coalesce(_WAITING.c.waiting, 0).label("waiting"),
    )
    .select_from(concurrency_limit)
    .outerjoin(pipeline, pipeline.c.id == concurrency_limit.c.pipeline_id)
    .outerjoin(_HELD, _HELD.c.limit_name == concurrency_limit.c.name)
    .outerjoin(_WAITING, _WAITING.c.limit_name == concurrency_limit.c.name)
    .order_by(concurrency_limit.c.name)
    .limit(MAX_LIMITS)
)
"""All limits, those of which no slot is held too, so that a gauge falls to zero."""


class SqlHealthMetricsReader:
    def __init__(self, connections: ConnectionPool) -> None:
        self._connections = connections

    async def read(self, late_after: float, seen_within: float) -> HealthMetrics:
        transaction = SqlTransaction(self._connections, None)
        try:
            metrics = (await transaction.execute(_METRICS, {"late_after": late_after})).one()
            limits = (await transaction.execute(_LIMITS)).all()
            pools = (await transaction.execute(_POOLS, {"seen_within": seen_within})).all()
        finally:
            await transaction.close()
        found = [PoolMetrics(row.pool, row.workers, row.slots, row.free) for row in pools]
        counted = [LimitMetrics(row.limit, row.held, row.waiting) for row in limits]
        return HealthMetrics(
            metrics.depth,
            max(0.0, metrics.age),
            metrics.waiting,
            metrics.late,
            found,
            metrics.version.split()[0],
            counted,
            metrics.open_incidents,
            max(0.0, metrics.delivery_age),
            metrics.followed,
            max(0.0, metrics.flow_run_age),
        )

    def connections(self) -> tuple[int, int]:
        return self._connections.get_usage()
