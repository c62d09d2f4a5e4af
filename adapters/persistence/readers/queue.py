"""Reads workers, and those of a pool with its waiting runs in one query: a row per worker, each with the list of waiting runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Double, bindparam, cast, func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.engine import Row

from adapters.persistence.connection.clock import seconds_ago
from adapters.persistence.tables.access import api_token
from adapters.persistence.tables.dispatches import UNCLAIMED, dispatch
from adapters.persistence.tables.workers import worker
from application.queries.views.workers import QueueView, WorkerTokenView, WorkerView

WORKER = (worker.c.id, worker.c.name, worker.c.pool, worker.c.slots, worker.c.free, worker.c.seen_at)
_oldest = (
    select(dispatch.c.run_id, dispatch.c.requested_at, dispatch.c.priority)
    .where(text(UNCLAIMED), dispatch.c.pool == bindparam("pool"))
    .order_by(dispatch.c.priority.desc(), dispatch.c.requested_at, dispatch.c.run_id)
    .limit(bindparam("limit"))
    .subquery("oldest")
)
_in_order = aggregate_order_by(_oldest.c.run_id, _oldest.c.priority.desc(), _oldest.c.requested_at, _oldest.c.run_id)
_waiting = select(func.array_agg(_in_order).label("waiting")).subquery("queue")
_is_alive = (worker.c.pool == bindparam("pool")) & (worker.c.seen_at >= seconds_ago(cast(bindparam("within"), Double)))
QUEUE = select(*WORKER, _waiting.c.waiting).select_from(_waiting.outerjoin(worker, _is_alive)).order_by(worker.c.name, worker.c.id)


_TOKEN = (api_token.c.name.label("token_name"), api_token.c.expires_at, api_token.c.revoked_at)
_with_token = worker.outerjoin(api_token, api_token.c.id == worker.c.token_id)
WORKERS = select(*WORKER, *_TOKEN).select_from(_with_token).order_by(worker.c.name, worker.c.id)
"""Worker processes with their tokens."""


def to_worker_view(row: Row[Any]) -> WorkerView:
    """Convert a row of `WORKERS`."""
    token = None if row.token_name is None else WorkerTokenView(row.token_name, row.expires_at, row.revoked_at)
    return WorkerView(row.id, row.name, row.pool, row.slots, row.free, row.seen_at, token)


def to_queue_view(rows: Sequence[Row[Any]]) -> QueueView:
    """Convert the rows. If no worker is alive, the only row has no worker."""
    workers = [WorkerView(*row[: len(WORKER)]) for row in rows if row.id is not None]
    return QueueView(workers, rows[0].waiting or [])
