"""A page of runs, as rows or by how far each of them is: one statement for each set of conditions."""

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


def _conditions(runs: FromClause, given: frozenset[str]) -> list[ColumnElement[bool]]:
    every = {
        "pipeline_id": runs.c.pipeline_id == bindparam("pipeline_id"),
        "status": runs.c.status == bindparam("status"),
        "trigger": runs.c.trigger == bindparam("trigger"),
        "since": runs.c.created_at >= bindparam("since"),
        "until": runs.c.created_at < bindparam("until"),
        "above": runs.c.id > bindparam("above"),
        "below": runs.c.id < bindparam("below"),
    }
    return [every[name] for name in sorted(given & every.keys())]


@dataclass(frozen=True, slots=True)
class RunPageQuery:
    """`values` are those of its statements."""

    values: Mapping[str, Any]

    @property
    def is_ascending(self) -> bool:
        """Its rows come oldest first: the nearest above a place."""
        return "above" in self.values

    def select_rows(self, query: Select[Any]) -> Select[Any]:
        """The page of what this query selects of runs."""
        return _paged(query, frozenset(self.values))

    def select_marks(self) -> CompiledStatement:
        """The page's marks, newest first."""
        return _marks(frozenset(self.values))


def build_run_page(asked: RunListQuery) -> RunPageQuery | None:
    """None for a pipeline that cannot be."""
    given = {name: value for name, value in typed(Mapping[str, Any], asked).items() if value is not None}
    if not is_storable_id(given.get("pipeline_id", 1)):
        return None
    if "pipeline_ids" in given:
        given["pipeline_ids"] = [id for id in given["pipeline_ids"] if is_storable_id(id)]
    return RunPageQuery(given | ({"status": given["status"].value} if "status" in given else {}))


def _paged(query: Select[Any], given: frozenset[str]) -> Select[Any]:
    conditions = [run.c.id.in_(_of_each(given))] if "pipeline_ids" in given else _conditions(run, given)
    return query.where(*conditions).order_by(_order(run, given)).offset(bindparam("skip")).limit(bindparam("limit"))


def _order(runs: FromClause, given: frozenset[str]) -> ColumnElement[Any]:
    return runs.c.id if "above" in given else runs.c.id.desc()


def _of_each(given: frozenset[str]) -> Select[Any]:
    """The ids that the page can need, of as many runs of each pipeline, each found by the index of that pipeline's runs: what is not
    among the first of all of them is left before any run is looked at."""
    one, theirs = pipeline.alias("one"), run.alias("theirs")
    conditions = (theirs.c.pipeline_id == one.c.id, *_conditions(theirs, given))
    enough = cast(bindparam("skip"), BigInteger) + cast(bindparam("limit"), BigInteger)
    newest = select(theirs.c.id).where(*conditions).order_by(_order(theirs, given)).limit(enough).lateral("found")
    of_all = select(newest.c.id).select_from(one.join(newest, true())).where(is_any_of(one.c.id, "pipeline_ids"))
    return of_all.order_by(_order(newest, given)).limit(enough)


@cache
def _marks(given: frozenset[str]) -> CompiledStatement:
    page_of = _paged(select(run.c.id, run.c.last_seq, run.c.pipeline_id), given).subquery()
    recorded = func.string_agg(dispatch.c.flow_run_id, aggregate_order_by(literal_column("','"), dispatch.c.epoch))
    flows = select(func.coalesce(recorded, "")).where(dispatch.c.run_id == page_of.c.id).scalar_subquery()
    marks = select(page_of.c.id, page_of.c.last_seq, pipeline.c.name, flows.label("flow_runs"))
    return CompiledStatement(marks.join(pipeline, pipeline.c.id == page_of.c.pipeline_id).order_by(page_of.c.id.desc()))
