"""Builds the queries of a page of runs, as rows or as marks. Each set of filters has one compiled statement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from typing import cast as typed

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, bindparam, cast, func, literal_column, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.persistence.connection.bulk_parameters import is_any_of, is_storable_id
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.tables.dispatches import dispatch
from adapters.persistence.tables.pipelines import pipeline
from adapters.persistence.tables.runs import run
from application.ports.queries.reader import RunListQuery


def _conditions(runs: FromClause, filters: frozenset[str]) -> list[ColumnElement[bool]]:
    conditions = {
        "pipeline_id": runs.c.pipeline_id == bindparam("pipeline_id"),
        "status": runs.c.status == bindparam("status"),
        "trigger": runs.c.trigger == bindparam("trigger"),
        "since": runs.c.created_at >= bindparam("since"),
        "until": runs.c.created_at < bindparam("until"),
        "above": runs.c.id > bindparam("above"),
        "below": runs.c.id < bindparam("below"),
    }
    return [conditions[name] for name in sorted(filters & conditions.keys())]


@dataclass(frozen=True, slots=True)
class RunPageQuery:
    """The queries of a page. `values` are their parameters."""

    values: Mapping[str, Any]

    @property
    def is_ascending(self) -> bool:
        """Return True if the rows come oldest first, as the page after a lower bound does."""
        return "above" in self.values

    def select_rows(self, query: Select[Any]) -> Select[Any]:
        """Return the query of runs, restricted to the page."""
        return _paged(query, frozenset(self.values))

    def select_marks(self) -> CompiledStatement:
        """Return the query of the page's marks, newest first."""
        return _marks(frozenset(self.values))


def build_run_page(query: RunListQuery) -> RunPageQuery | None:
    """Return the page, or None if the pipeline id cannot exist."""
    filters = {name: value for name, value in typed(Mapping[str, Any], query).items() if value is not None}
    if not is_storable_id(filters.get("pipeline_id", 1)):
        return None
    if "pipeline_ids" in filters:
        filters["pipeline_ids"] = [id for id in filters["pipeline_ids"] if is_storable_id(id)]
    return RunPageQuery(filters | ({"status": filters["status"].value} if "status" in filters else {}))


def _paged(query: Select[Any], filters: frozenset[str]) -> Select[Any]:
    conditions = [run.c.id.in_(_select_ids_by_pipeline(filters))] if "pipeline_ids" in filters else _conditions(run, filters)
    return query.where(*conditions).order_by(_order(run, filters)).offset(bindparam("skip")).limit(bindparam("limit"))


def _order(runs: FromClause, filters: frozenset[str]) -> ColumnElement[Any]:
    return runs.c.id if "above" in filters else runs.c.id.desc()


def _select_ids_by_pipeline(filters: frozenset[str]) -> Select[Any]:
    """Select the ids of the page among the first runs of each pipeline, which an index finds, before any run's row is read."""
    selected, runs = pipeline.alias("selected"), run.alias("pipeline_runs")
    conditions = (runs.c.pipeline_id == selected.c.id, *_conditions(runs, filters))
    last = cast(bindparam("skip"), BigInteger) + cast(bindparam("limit"), BigInteger)
    newest = select(runs.c.id).where(*conditions).order_by(_order(runs, filters)).limit(last).lateral("found")
    ids = select(newest.c.id).select_from(selected.join(newest, true())).where(is_any_of(selected.c.id, "pipeline_ids"))
    return ids.order_by(_order(newest, filters)).limit(last)


@cache
def _marks(filters: frozenset[str]) -> CompiledStatement:
    page = _paged(select(run.c.id, run.c.last_seq, run.c.pipeline_id), filters).subquery()
    flow_run_ids = func.string_agg(dispatch.c.flow_run_id, aggregate_order_by(literal_column("','"), dispatch.c.epoch))
    flow_runs = select(func.coalesce(flow_run_ids, "")).where(dispatch.c.run_id == page.c.id).scalar_subquery()
    marks = select(page.c.id, page.c.last_seq, pipeline.c.name, flow_runs.label("flow_runs"))
    return CompiledStatement(marks.join(pipeline, pipeline.c.id == page.c.pipeline_id).order_by(page.c.id.desc()))
