"""A page of runs by how far each of them is: one statement for each set of conditions, built once."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.persistence.ready import Asked, Ready
from adapters.persistence.tables import pipeline, run
from adapters.persistence.tables_delivery import burst

_CONDITIONS = {
    "pipeline_id": run.c.pipeline_id == bindparam("pipeline_id"),
    "status": run.c.status == bindparam("status"),
    "trigger": run.c.trigger == bindparam("trigger"),
    "since": run.c.created_at >= bindparam("since"),
    "until": run.c.created_at < bindparam("until"),
    "above": run.c.id > bindparam("above"),
    "below": run.c.id < bindparam("below"),
}


def asked_for(skip: int, limit: int, **conditions: Any) -> Asked:
    """The page's marks, newest first; a condition that is None is none."""
    given = {name: value for name, value in conditions.items() if value is not None}
    return _marks(frozenset(given)), {"skip": skip, "limit": limit, **given}


@cache
def _marks(given: frozenset[str]) -> Ready:
    order = run.c.id if "above" in given else run.c.id.desc()
    page = select(run.c.id, run.c.last_seq, run.c.pipeline_id).where(*(_CONDITIONS[name] for name in sorted(given)))
    page_of = page.order_by(order).offset(bindparam("skip")).limit(bindparam("limit")).subquery()
    recorded = func.string_agg(burst.c.flow_run_id, aggregate_order_by(literal_column("','"), burst.c.epoch))
    flows = select(func.coalesce(recorded, "")).where(burst.c.run_id == page_of.c.id).scalar_subquery()
    marks = select(page_of.c.id, page_of.c.last_seq, pipeline.c.name, flows.label("flow_runs"))
    return Ready(marks.join(pipeline, pipeline.c.id == page_of.c.pipeline_id).order_by(page_of.c.id.desc()))
