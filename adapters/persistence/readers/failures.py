"""Builds the queries of a pipeline's failures, grouped by stage and fingerprint."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, distinct, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.engine import Row

from adapters.persistence.tables.runs import attempt, failure, run
from application.queries.views.history import FailureView

RUNS_SHOWN = 10

_RECENT_RUNS = (
    select(run.c.id, run.c.number)
    .where(run.c.pipeline_id == bindparam("pipeline"))
    .order_by(run.c.id.desc())
    .limit(bindparam("runs"))
    .subquery()
)
_newest_first = aggregate_order_by(attempt.c.error_message, attempt.c.finished_at.desc())
_GROUPS = (
    select(
        attempt.c.fingerprint,
        attempt.c.stage,
        func.array_agg(_newest_first)[1].label("message"),
        func.count(distinct(_RECENT_RUNS.c.id)).label("count"),
        func.min(attempt.c.finished_at).label("first_at"),
        func.max(attempt.c.finished_at).label("last_at"),
        func.array_agg(distinct(_RECENT_RUNS.c.id)).label("ids"),
        func.array_agg(distinct(_RECENT_RUNS.c.number)).label("numbers"),
    )
    .join(_RECENT_RUNS, _RECENT_RUNS.c.id == attempt.c.run_id)
    .where(attempt.c.fingerprint.is_not(None))
    .group_by(attempt.c.fingerprint, attempt.c.stage)
    .order_by(func.max(attempt.c.finished_at).desc())
    .limit(100)
    .subquery("groups")
)
"""Ids and numbers of a pipeline's runs increase together, so the two lists have the same order."""
_is_same_failure = (
    (failure.c.pipeline_id == bindparam("pipeline"))
    & (failure.c.stage == _GROUPS.c.stage)
    & (failure.c.fingerprint == _GROUPS.c.fingerprint)
)
FAILURES = (
    select(
        *(column for column in _GROUPS.c if column.name != "first_at"),
        func.least(_GROUPS.c.first_at, failure.c.first_at).label("first_at"),
        run.c.id.label("first_id"),
        run.c.number.label("first_number"),
    )
    .select_from(_GROUPS.outerjoin(failure, _is_same_failure).outerjoin(run, run.c.id == failure.c.run_id))
    .order_by(_GROUPS.c.last_at.desc())
)
FIRST_SEEN = (
    select(run.c.id, run.c.number, failure.c.first_at)
    .join(run, run.c.id == failure.c.run_id)
    .where(failure.c.pipeline_id == bindparam("pipeline"), failure.c.stage == bindparam("stage"))
    .where(failure.c.fingerprint == bindparam("fingerprint"))
)


def to_failure_view(row: Row[Any]) -> FailureView:
    ids, numbers = sorted(row.ids, reverse=True), sorted(row.numbers, reverse=True)
    runs = list(zip(ids, numbers, strict=True))[:RUNS_SHOWN]
    values = {name: getattr(row, name) for name in ("fingerprint", "stage", "message", "count", "first_at", "last_at")}
    first = (row.first_id, row.first_number) if row.first_id else (ids[-1], numbers[-1])
    return FailureView(**values, runs=runs, first_run=first)
