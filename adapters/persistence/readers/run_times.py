"""Reads when runs were opened, started and ended, without their stages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Row

from adapters.persistence.connection.bulk_parameters import is_any_of
from adapters.persistence.tables.runs import run
from application.queries.views.runs import RunTimes
from domain.runs.status import Status

TIMES = run.c.created_at, run.c.started_at, run.c.finished_at, run.c.idle_seconds, run.c.idle_since
_RUN_TIMES = select(run.c.id, run.c.number, run.c.status, run.c.trigger, *TIMES)
RUN_TIMES_BY_ID = _RUN_TIMES.where(is_any_of(run.c.id, "ids"))
RUN_TIMES_BETWEEN = (
    _RUN_TIMES.where(
        run.c.pipeline_id == bindparam("pipeline"), run.c.created_at >= bindparam("since"), run.c.created_at < bindparam("until")
    )
    .order_by(run.c.id.desc())
    .limit(bindparam("limit"))
)


def to_run_times(row: Row[Any]) -> RunTimes:
    return RunTimes(row.id, row.number, Status(row.status), row.trigger, *get_times(row))


def get_times(row: Row[Any]) -> tuple[datetime, datetime | None, datetime | None, float, datetime | None]:
    """Return the values of TIMES in a row."""
    return row.created_at, row.started_at, row.finished_at, row.idle_seconds, row.idle_since
