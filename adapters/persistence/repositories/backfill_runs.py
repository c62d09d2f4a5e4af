"""Statements that read the runs of a pipeline for the plan of a backfill."""

from __future__ import annotations

from sqlalchemy import BigInteger, DateTime, Integer, bindparam, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.backfills import backfill
from adapters.persistence.tables.runs import run
from domain.runs.status import Status


def _build_newest_runs(of_schedule: bool) -> CompiledStatement:
    """Select the newest run of each tick. A backfill that was deleted may have been one of the schedule."""
    since, until = (bindparam(name, type_=DateTime(timezone=True)) for name in ("since", "until"))
    this = bindparam("schedule", type_=BigInteger)
    of_backfill = run.c.backfill_id.is_not(None)
    if of_schedule:
        is_counted = or_(run.c.schedule_id == this, of_backfill & or_(backfill.c.schedule_id.is_(None), backfill.c.schedule_id == this))
    else:
        is_counted = of_backfill
    query = (
        select(run.c.scheduled_for, run.c.status)
        .ext(distinct_on(run.c.scheduled_for))
        .select_from(run.outerjoin(backfill, backfill.c.id == run.c.backfill_id))
        .where(run.c.pipeline_id == bindparam("pipeline", type_=BigInteger), run.c.scheduled_for.between(since, until), is_counted)
        .order_by(run.c.scheduled_for, run.c.id.desc())
    )
    return CompiledStatement(query)


NEWEST_RUNS, NEWEST_RUNS_OF_SCHEDULE = _build_newest_runs(of_schedule=False), _build_newest_runs(of_schedule=True)
DURATIONS = CompiledStatement(
    select(run.c.started_at, run.c.finished_at, run.c.idle_seconds)
    .where(run.c.pipeline_id == bindparam("pipeline", type_=BigInteger), run.c.status == bindparam("status", Status.COMPLETED.value))
    .where(run.c.started_at.is_not(None), run.c.finished_at.is_not(None))
    .order_by(run.c.id.desc())
    .limit(bindparam("limit", type_=Integer))
)
