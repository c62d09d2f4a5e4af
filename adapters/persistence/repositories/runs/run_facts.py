"""Reads what alerts say about runs, in one statement."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import and_, bindparam, case, func, literal_column, select, true
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, distinct_on

from adapters.persistence.connection.bulk_parameters import is_any_of
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.runs import attempt, run
from application.ports.persistence.run_facts import MAX_ERROR_LENGTH, MAX_FAILED_STAGES, FailedStage, RunFacts
from domain.runs.status import Reason, Status

_FAILED = (Status.FAILED.value, Status.LOST.value)


def _build() -> Any:
    newest = (
        select(attempt.c.position, attempt.c.stage, attempt.c.status, attempt.c.error_message, attempt.c.fingerprint, attempt.c.worker)
        .where(attempt.c.run_id == run.c.id)
        .correlate(run)
        .ext(distinct_on(attempt.c.position))
        .order_by(attempt.c.position, attempt.c.number.desc())
        .subquery("newest")
    )
    failed = (
        select(newest)
        .where((newest.c.status == literal_column(f"'{_FAILED[0]}'")) | (newest.c.status == literal_column(f"'{_FAILED[1]}'")))
        .order_by(newest.c.position)
        .limit(literal_column(str(MAX_FAILED_STAGES)))
        .lateral("failed")
    )
    waiting = and_(attempt.c.status == literal_column("'waiting'"), attempt.c.reason == literal_column(f"'{Reason.APPROVAL.value}'"))
    waits_for = (
        select(attempt.c.stage)
        .where(attempt.c.run_id == run.c.id, waiting)
        .order_by(attempt.c.position)
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    is_wanted = run.c.pipeline_id == func.any(bindparam("with_parameters", type_=ARRAY(BIGINT)))
    return (
        select(
            run.c.id,
            run.c.pipeline_id,
            run.c.number,
            run.c.status,
            run.c.created_at,
            run.c.started_at,
            run.c.finished_at,
            run.c.idle_seconds,
            run.c.idle_since,
            case((is_wanted, run.c.parameters)).label("parameters"),
            waits_for.label("waits_for"),
            failed.c.stage,
            failed.c.status.label("stage_status"),
            func.right(failed.c.error_message, literal_column(str(MAX_ERROR_LENGTH))).label("error_message"),
            failed.c.fingerprint,
            failed.c.worker,
        )
        .select_from(run.outerjoin(failed, true()))
        .where(is_any_of(run.c.id, "ids"))
        .order_by(run.c.id, failed.c.position)
    )


FIND_FACTS = CompiledStatement(_build())


def build_facts(rows: Iterable[Any]) -> dict[int, RunFacts]:
    """Return the runs of the rows, of which a run has one for each failed stage."""
    by_run: dict[int, list[Any]] = {}
    for row in rows:
        by_run.setdefault(row.id, []).append(row)
    return {run_id: _build_run(found) for run_id, found in by_run.items()}


def _build_run(rows: list[Any]) -> RunFacts:
    first = rows[0]
    failed = tuple(
        FailedStage(row.stage, Status(row.stage_status), row.error_message, row.fingerprint, row.worker)
        for row in rows
        if row.stage is not None
    )
    return RunFacts(
        id=first.id,
        pipeline_id=first.pipeline_id,
        number=first.number,
        status=Status(first.status),
        created_at=first.created_at,
        started_at=first.started_at,
        finished_at=first.finished_at,
        idle_seconds=first.idle_seconds,
        idle_since=first.idle_since,
        failed=failed,
        waits_for=first.waits_for,
        parameters=first.parameters,
    )
