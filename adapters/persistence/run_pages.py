"""A page of runs, as rows or by how far each of them is: one statement for each set of conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import Select, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.persistence.ready import Ready
from adapters.persistence.recordsets import is_storable_id
from adapters.persistence.tables import pipeline, run
from adapters.persistence.tables_delivery import burst
from application.ports.readers import RunsAsked

_CONDITIONS = {
    "pipeline_id": run.c.pipeline_id == bindparam("pipeline_id"),
    "status": run.c.status == bindparam("status"),
    "trigger": run.c.trigger == bindparam("trigger"),
    "since": run.c.created_at >= bindparam("since"),
    "until": run.c.created_at < bindparam("until"),
    "above": run.c.id > bindparam("above"),
    "below": run.c.id < bindparam("below"),
}


@dataclass(frozen=True, slots=True)
class RunPage:
    """`values` are those of its statements."""

    values: Mapping[str, Any]

    @property
    def rises(self) -> bool:
        """Its rows come oldest first: the nearest above a place."""
        return "above" in self.values

    def of_rows(self, query: Select[Any]) -> Select[Any]:
        """The page of what this query selects of runs."""
        return _paged(query, frozenset(self.values))

    def of_marks(self) -> Ready:
        """The page's marks, newest first."""
        return _marks(frozenset(self.values))


def of(asked: RunsAsked) -> RunPage | None:
    """None for a pipeline that cannot be."""
    given = {name: value for name, value in cast(Mapping[str, Any], asked).items() if value is not None}
    if not is_storable_id(given.get("pipeline_id", 1)):
        return None
    return RunPage(given | ({"status": given["status"].value} if "status" in given else {}))


def _paged(query: Select[Any], given: frozenset[str]) -> Select[Any]:
    conditions = [_CONDITIONS[name] for name in sorted(given & _CONDITIONS.keys())]
    order = run.c.id if "above" in given else run.c.id.desc()
    return query.where(*conditions).order_by(order).offset(bindparam("skip")).limit(bindparam("limit"))


@cache
def _marks(given: frozenset[str]) -> Ready:
    page_of = _paged(select(run.c.id, run.c.last_seq, run.c.pipeline_id), given).subquery()
    recorded = func.string_agg(burst.c.flow_run_id, aggregate_order_by(literal_column("','"), burst.c.epoch))
    flows = select(func.coalesce(recorded, "")).where(burst.c.run_id == page_of.c.id).scalar_subquery()
    marks = select(page_of.c.id, page_of.c.last_seq, pipeline.c.name, flows.label("flow_runs"))
    return Ready(marks.join(pipeline, pipeline.c.id == page_of.c.pipeline_id).order_by(page_of.c.id.desc()))
