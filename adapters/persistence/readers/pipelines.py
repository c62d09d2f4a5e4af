"""Reads pipelines with their latest run, and the board, in a fixed number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select, true
from sqlalchemy.engine import Row

from adapters.persistence.connection.bulk_parameters import filter_key_range, is_any_of
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.readers.run_times import TIMES, get_times
from adapters.persistence.readers.run_views import StageViewCache, load_run_views
from adapters.persistence.readers.schedules import NEXT_RUNS
from adapters.persistence.readers.stage_times import RECENT_RUNS
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.repositories.pipelines import to_activation
from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline, pipeline_alias
from adapters.persistence.tables.runs import run
from application.ports.queries.reader import ArchivedFilter
from application.queries.views.pipelines import BoardRow, PipelineStateVersion, PipelineView
from application.queries.views.runs import RunBar
from domain.runs.status import Status

_PIPELINES = select(pipeline).where(NOT_DELETED)
_BOARD = (
    select(pipeline, NEXT_RUNS.c.next_run_at, NEXT_RUNS.c.paused_schedules)
    .outerjoin(NEXT_RUNS, NEXT_RUNS.c.pipeline_id == pipeline.c.id)
    .where(NOT_DELETED)
)
_ARCHIVED = {
    ArchivedFilter.EXCLUDE: pipeline.c.archived_at.is_(None),
    ArchivedFilter.ONLY: pipeline.c.archived_at.is_not(None),
    ArchivedFilter.INCLUDE: true(),
}
_BAR = (run.c.id, run.c.number, run.c.status, *TIMES)


def _recent(*columns: ColumnElement[Any], count: int) -> Any:
    """Select the newest runs of each pipeline, which the index on (pipeline_id, id desc) finds."""
    newest = select(*columns).where(run.c.pipeline_id == pipeline.c.id).order_by(run.c.id.desc()).limit(count)
    return newest.lateral("recent")


def _latest() -> Select[Any]:
    recent = _recent(*run.c, count=1)
    return (
        select(recent, pipeline.c.name.label("pipeline")).select_from(pipeline).join(recent, true()).where(is_any_of(pipeline.c.id, "ids"))
    )


_LATEST = _latest()
_RECENT_BARS = _recent(*_BAR, count=RECENT_RUNS)
_BARS = select(pipeline.c.id.label("pipeline_id"), _RECENT_BARS).select_from(pipeline).join(_RECENT_BARS, true())


def _marks(reverse: bool, archived: ArchivedFilter) -> Select[Any]:
    """Build the query of a page of pipeline marks, once, since building it takes longer than running it. `reverse`: from the end."""
    place = pipeline.c.id < bindparam("below") if reverse else pipeline.c.id > bindparam("above")
    order = pipeline.c.id.desc() if reverse else pipeline.c.id
    page = _PIPELINES.where(place, _ARCHIVED[archived]).order_by(order).offset(bindparam("skip")).limit(bindparam("limit")).subquery()
    newest = select(run.c.id, run.c.last_seq).where(run.c.pipeline_id == page.c.id).order_by(run.c.id.desc()).limit(1).lateral()
    latest = func.coalesce(newest.c.id, 0), func.coalesce(newest.c.last_seq, 0)
    columns = page.c.id, page.c.revision, *latest, page.c.activation_changes
    return select(*columns).select_from(page.outerjoin(newest, true())).order_by(page.c.id)


_MARKS = {(reverse, archived): _marks(reverse, archived) for reverse in (False, True) for archived in ArchivedFilter}


class PipelineReader:
    """Reads pipelines within one transaction."""

    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader, stages: StageViewCache) -> None:
        self._transaction = transaction
        self._definitions = definitions
        self._stages = stages

    async def names(self, part: str, limit: int) -> list[tuple[int, str]]:
        """Scan all pipelines, which are few, and none of their runs."""
        matching = select(pipeline.c.id, pipeline.c.name).where(NOT_DELETED, pipeline.c.name.icontains(part, autoescape=True))
        return [(row.id, row.name) for row in await self._transaction.execute(matching.order_by(pipeline.c.name).limit(limit))]

    async def page(self, skip: int, limit: int, above: int | None, below: int | None, archived: ArchivedFilter) -> list[PipelineView]:
        order = pipeline.c.id if below is None else pipeline.c.id.desc()
        query = filter_key_range(_PIPELINES.where(_ARCHIVED[archived]), pipeline.c.id, above, below)
        found = await self._views(query.order_by(order).offset(skip).limit(limit))
        return found if below is None else found[::-1]

    async def marks(
        self, skip: int, limit: int, above: int | None, below: int | None, archived: ArchivedFilter
    ) -> list[PipelineStateVersion]:
        place = {"skip": skip, "limit": limit, "above": above or 0, "below": below}
        rows = await self._transaction.execute(_MARKS[below is not None, archived], place)
        return [PipelineStateVersion(*map(int, row)) for row in rows]

    async def where(self, condition: ColumnElement[bool]) -> list[PipelineView]:
        return await self._views(_PIPELINES.where(condition))

    async def find_renamed(self, name: str) -> list[PipelineView]:
        """Return the pipeline that had the name before it was renamed."""
        owner = select(pipeline_alias.c.pipeline_id).where(pipeline_alias.c.name == name).scalar_subquery()
        return await self.where(pipeline.c.id == owner)

    async def board(self, archived: ArchivedFilter) -> list[BoardRow]:
        found = (await self._transaction.execute(_BOARD.where(_ARCHIVED[archived]).order_by(pipeline.c.name))).all()
        views = await self._build_views(found)
        bars: defaultdict[int, list[RunBar]] = defaultdict(list)
        rows = _BARS.where(NOT_DELETED, _ARCHIVED[archived]).order_by(pipeline.c.id, _RECENT_BARS.c.id)
        for row in await self._transaction.execute(rows):
            bars[row.pipeline_id].append(_bar(row))
        return [BoardRow(view, bars[view.id], row.next_run_at, row.paused_schedules or 0) for view, row in zip(views, found, strict=True)]

    async def _views(self, query: Select[Any]) -> list[PipelineView]:
        return await self._build_views((await self._transaction.execute(query)).all())

    async def _build_views(self, rows: Sequence[Row[Any]]) -> list[PipelineView]:
        ids = [row.id for row in rows]
        latest = (await self._transaction.execute(_LATEST, {"ids": ids})).all() if ids else []
        runs = {view.pipeline_id: view for view in await load_run_views(self._transaction, self._definitions, latest, self._stages)}
        definitions_by_key = await self._definitions.load((row.id, row.revision) for row in rows)
        return [
            PipelineView(
                row.id,
                row.revision,
                definitions_by_key[row.id, row.revision],
                row.created_at,
                row.updated_at,
                runs.get(row.id),
                to_activation(row),
            )
            for row in rows
        ]


def _bar(row: Row[Any]) -> RunBar:
    return RunBar(row.id, row.number, Status(row.status), *get_times(row))
