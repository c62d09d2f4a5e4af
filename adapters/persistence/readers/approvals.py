"""Builds the queries of past approval decisions and of runs that wait for a person or an external system."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, select, true
from sqlalchemy.engine import Row

from adapters.persistence.tables.runs import attempt, event, run
from application.queries.views.history import PastDecision
from domain.runs.events import EventType
from domain.runs.status import Reason, Status

RUNS_SEARCHED = 100
"""The number of earlier runs in which past decisions are searched."""

_EARLIER_RUNS = (
    select(run.c.id, run.c.number, run.c.created_at)
    .where(run.c.pipeline_id == bindparam("pipeline"), run.c.id < bindparam("before"))
    .order_by(run.c.id.desc())
    .limit(RUNS_SEARCHED)
    .subquery("earlier_runs")
)
_DECIDED = (
    select(_EARLIER_RUNS, attempt.c.number.label("attempt"))
    .join(attempt, attempt.c.run_id == _EARLIER_RUNS.c.id)
    .where(attempt.c.stage == bindparam("stage"), attempt.c.by_person)
    .subquery("decided")
)
_decision = (
    select(event.c.at, event.c.actor, event.c.data)
    .where(event.c.run_id == _DECIDED.c.id, event.c.at >= _DECIDED.c.created_at - timedelta(days=1))
    .where(event.c.type == EventType.STAGE_DECIDED.value, event.c.stage == bindparam("stage"), event.c.attempt == _DECIDED.c.attempt)
    .limit(1)
    .lateral("decision")
)
DECISIONS = (
    select(_DECIDED.c.id, _DECIDED.c.number, _decision)
    .select_from(_DECIDED.join(_decision, true()))
    .order_by(_DECIDED.c.id.desc(), _DECIDED.c.attempt.desc())
    .limit(bindparam("limit"))
)

WAITING = (
    select(attempt.c.run_id)
    .distinct()
    .where(
        attempt.c.status == Status.WAITING.value,
        attempt.c.reason.in_([Reason.APPROVAL.value, Reason.EXTERNAL.value, Reason.PAUSED.value]),
        attempt.c.deadline_at.is_not(None),
    )
    .order_by(attempt.c.run_id)
    .limit(bindparam("limit"))
)


def to_past_decision(row: Row[Any]) -> PastDecision:
    return PastDecision(row.id, row.number, bool(row.data.get("approved")), row.actor, row.data.get("message"), row.at)
