"""Statements that find what a backfill has to do.

`LOCK_DUE` decides by what was committed when it starts, and another process may have moved the backfill on since. What is read after the
lock is current.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    text,
    union,
    union_all,
)
from sqlalchemy.sql.selectable import CompoundSelect

from adapters.persistence.connection.bulk_parameters import is_any_of
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.backfills import backfill, backfill_tick
from adapters.persistence.tables.base import UNFINISHED
from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline
from adapters.persistence.tables.runs import run
from domain.backfills.backfill import BackfillState
from domain.backfills.tick import BackfillTickState, get_tick_state
from domain.runs.status import Status

_IS_UNFINISHED: ColumnElement[bool] = text(f"run.{UNFINISHED}")  # type: ignore[assignment]
_IS_RUNNING = backfill_tick.c.state == BackfillTickState.RUNNING.value
_WAS_REOPENED: ColumnElement[bool] = run.c.reopened_at.is_not(None)
_STATE_OF_RUN = case(
    *((run.c.status == status.value, get_tick_state(status).value) for status in Status if status.is_terminal),
    else_=BackfillTickState.RUNNING.value,
)
_IS_OVER = or_(run.c.id.is_(None), text(f"NOT (run.{UNFINISHED})"))


def _select_ended(*columns: Any) -> Select[Any]:
    """Select running ticks whose runs are over."""
    joined = backfill_tick.outerjoin(run, run.c.id == backfill_tick.c.run_id)
    return select(*columns).select_from(joined).where(_IS_RUNNING, _IS_OVER)


def _select_reopened(*columns: Any) -> Select[Any]:
    """Select ticks that had ended, and whose runs were reopened by a retry since. These runs may have ended again."""
    same_tick = (backfill_tick.c.backfill_id == run.c.backfill_id) & (backfill_tick.c.due_at == run.c.scheduled_for)
    joined = run.join(backfill_tick, same_tick)
    return (
        select(*columns)
        .select_from(joined)
        .where(or_(_IS_UNFINISHED, _WAS_REOPENED), backfill_tick.c.run_id == run.c.id, ~_IS_RUNNING, backfill_tick.c.state != _STATE_OF_RUN)
    )


def _build_list_moved() -> CompiledStatement:
    this = bindparam("id", type_=BigInteger)
    columns = (*backfill_tick.c, run.c.status.label("status"))
    ended = _select_ended(*columns).where(backfill_tick.c.backfill_id == this)
    reopened = _select_reopened(*columns).where(run.c.backfill_id == this)
    return CompiledStatement(union_all(ended, reopened).order_by(text("position")))


def _select_candidates() -> CompoundSelect[Any]:
    """Select the backfills that are unfinished or have unfinished or reopened runs, so that the others are not read."""
    unfinished = select(backfill.c.id).where(backfill.c.finished_at.is_(None))
    running = select(run.c.backfill_id).where(run.c.backfill_id.is_not(None), _IS_UNFINISHED)
    reopened = select(run.c.backfill_id).where(run.c.backfill_id.is_not(None), _WAS_REOPENED)
    return union(unfinished, running, reopened)


def _build_lock_due() -> CompiledStatement:
    now = bindparam("now", type_=DateTime(timezone=True))
    unfinished_runs = select(func.count()).select_from(run).where(run.c.backfill_id == backfill.c.id, _IS_UNFINISHED).scalar_subquery()
    may_open = (
        (backfill.c.state == BackfillState.RUNNING.value)
        & (backfill.c.pending > 0)
        & or_(backfill.c.retry_at.is_(None), backfill.c.retry_at <= now)
        & (unfinished_runs < backfill.c.parallel)
    )
    has_ended = exists(_select_ended(backfill_tick.c.position).where(backfill_tick.c.backfill_id == backfill.c.id).correlate(backfill))
    has_reopened = exists(_select_reopened(backfill_tick.c.position).where(run.c.backfill_id == backfill.c.id).correlate(backfill))
    query = (
        select(backfill)
        .join(pipeline, pipeline.c.id == backfill.c.pipeline_id)
        .where(NOT_DELETED, backfill.c.id.in_(_select_candidates()), ~is_any_of(backfill.c.id, "excluded"))
        .where(or_(may_open, has_ended, has_reopened))
        .order_by(backfill.c.id)
        .limit(1)
    )
    return CompiledStatement(query.with_for_update(key_share=True, skip_locked=True, of=[backfill, pipeline]))


LOCK_DUE, LIST_MOVED = _build_lock_due(), _build_list_moved()
LIST_UNFINISHED = CompiledStatement(
    select(run.c.id).where(run.c.backfill_id == bindparam("id", type_=BigInteger), _IS_UNFINISHED).order_by(run.c.id)
)
