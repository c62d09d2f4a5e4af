"""Which failures are alike, over a pipeline's last runs; how approvals were decided; and which runs wait for somebody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, distinct, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.engine import Row

from adapters.persistence.tables.runs import attempt, event, failure, run
from application.queries.views.history import FailureView, PastDecision
from domain.runs.events import EventType
from domain.runs.status import Reason, Status

RUNS_SHOWN = 10
RUNS_ASKED = 100
"""Earlier decisions are looked for in so many runs."""

_LAST = (
    select(run.c.id, run.c.number)
    .where(run.c.pipeline_id == bindparam("pipeline"))
    .order_by(run.c.id.desc())
    .limit(bindparam("runs"))
    .subquery()
)
_newest_first = aggregate_order_by(attempt.c.error_message, attempt.c.finished_at.desc())
_ALIKE = (
    select(
        attempt.c.fingerprint,
        attempt.c.stage,
        func.array_agg(_newest_first)[1].label("message"),
        func.count().label("count"),
        func.min(attempt.c.finished_at).label("first_at"),
        func.max(attempt.c.finished_at).label("last_at"),
        func.array_agg(distinct(_LAST.c.id)).label("ids"),
        func.array_agg(distinct(_LAST.c.number)).label("numbers"),
    )
    .join(_LAST, _LAST.c.id == attempt.c.run_id)
    .where(attempt.c.fingerprint.is_not(None))
    .group_by(attempt.c.fingerprint, attempt.c.stage)
    .order_by(func.max(attempt.c.finished_at).desc())
    .limit(100)
    .subquery("alike")
)
"""Ids and numbers of one pipeline's runs rise together, so the two lists have the same order."""
_is_noted = (
    (failure.c.pipeline_id == bindparam("pipeline")) & (failure.c.stage == _ALIKE.c.stage) & (failure.c.fingerprint == _ALIKE.c.fingerprint)
)
FAILURES = (
    select(
        *(column for column in _ALIKE.c if column.name != "first_at"),
        func.least(_ALIKE.c.first_at, failure.c.first_at).label("first_at"),
        run.c.id.label("first_id"),
        run.c.number.label("first_number"),
    )
    .select_from(_ALIKE.outerjoin(failure, _is_noted).outerjoin(run, run.c.id == failure.c.run_id))
    .order_by(_ALIKE.c.last_at.desc())
)
FIRST_SEEN = (
    select(run.c.id, run.c.number, failure.c.first_at)
    .join(run, run.c.id == failure.c.run_id)
    .where(failure.c.pipeline_id == bindparam("pipeline"), failure.c.stage == bindparam("stage"))
    .where(failure.c.fingerprint == bindparam("fingerprint"))
)

_BEFORE = (
    select(run.c.id, run.c.number, run.c.created_at)
    .where(run.c.pipeline_id == bindparam("pipeline"), run.c.id < bindparam("before"))
    .order_by(run.c.id.desc())
    .limit(RUNS_ASKED)
    .subquery("before")
)
_DECIDED = (
    select(_BEFORE, attempt.c.number.label("attempt"))
    .join(attempt, attempt.c.run_id == _BEFORE.c.id)
    .where(attempt.c.stage == bindparam("stage"), attempt.c.by_person)
    .subquery("decided")
)
_answer = (
    select(event.c.at, event.c.actor, event.c.data)
    .where(event.c.run_id == _DECIDED.c.id, event.c.at >= _DECIDED.c.created_at - timedelta(days=1))
    .where(event.c.type == EventType.STAGE_DECIDED.value, event.c.stage == bindparam("stage"), event.c.attempt == _DECIDED.c.attempt)
    .limit(1)
    .lateral("answer")
)
DECISIONS = (
    select(_DECIDED.c.id, _DECIDED.c.number, _answer)
    .select_from(_DECIDED.join(_answer, true()))
    .order_by(_DECIDED.c.id.desc(), _DECIDED.c.attempt.desc())
    .limit(bindparam("limit"))
)

WAITING = (
    select(attempt.c.run_id)
    .distinct()
    .where(
        attempt.c.status == Status.WAITING.value,
        attempt.c.reason.in_([Reason.APPROVAL.value, Reason.EXTERNAL.value]),
        attempt.c.deadline_at.is_not(None),
    )
    .order_by(attempt.c.run_id)
    .limit(bindparam("limit"))
)


def to_failure_view(row: Row[Any]) -> FailureView:
    ids, numbers = sorted(row.ids, reverse=True), sorted(row.numbers, reverse=True)
    runs = list(zip(ids, numbers, strict=True))[:RUNS_SHOWN]
    named = {name: getattr(row, name) for name in ("fingerprint", "stage", "message", "count", "first_at", "last_at")}
    first = (row.first_id, row.first_number) if row.first_id else (ids[-1], numbers[-1])
    return FailureView(**named, runs=runs, first_run=first)


def to_past_decision(row: Row[Any]) -> PastDecision:
    return PastDecision(row.id, row.number, bool(row.data.get("approved")), row.actor, row.data.get("message"), row.at)
