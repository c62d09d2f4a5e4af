"""Reads schedules and their ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, bindparam, cast, func, select, true
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.engine import Row

from adapters.persistence.connection.bulk_parameters import filter_key_range, is_any_of, is_storable_id
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.tables.pipelines import pipeline
from adapters.persistence.tables.runs import run
from adapters.persistence.tables.schedules import schedule, tick
from application.ports.queries.reader import TickListQuery
from application.queries.views.schedules import ScheduleView, TickCount, TickView
from domain.runs.status import Status
from domain.schedules.tick import TickReason, TickState

_EXISTS = schedule.c.removed_at.is_(None)
_WILL_FIRE = (_EXISTS, schedule.c.paused_at.is_(None), schedule.c.next_fire_at.is_not(None))
_OF_PIPELINE = pipeline.c.id == schedule.c.pipeline_id
_SCHEDULES = select(schedule, pipeline.c.name.label("pipeline"), pipeline.c.revision).join(pipeline, _OF_PIPELINE)
_UPCOMING = (
    _SCHEDULES.where(*_WILL_FIRE, schedule.c.next_fire_at < bindparam("until"))
    .order_by(schedule.c.next_fire_at, schedule.c.id)
    .limit(bindparam("limit"))
)
NEXT_RUNS = (
    select(
        schedule.c.pipeline_id,
        func.min(schedule.c.next_fire_at).filter(schedule.c.paused_at.is_(None)).label("next_run_at"),
        func.count().filter(schedule.c.paused_at.is_not(None)).label("paused_schedules"),
    )
    .where(_EXISTS)
    .group_by(schedule.c.pipeline_id)
    .subquery("next_runs")
)
"""When each pipeline with schedules runs next, and how many of its schedules are paused."""


_OF_KEPT_PIPELINE = tick.c.pipeline_id.not_in(select(pipeline.c.id).where(pipeline.c.deleting_at.is_not(None)))
"""Condition of ticks whose pipeline is not being deleted."""


def _describe(ticks: Any, source: FromClause) -> Select[Any]:
    """Select ticks from a source that has their schedules, with the names of schedules and pipelines and with their runs."""
    names = (schedule.c.name.label("schedule"), pipeline.c.name.label("pipeline"))
    columns = [column for column in ticks.c if column.name != "count"]
    return select(
        *columns, ticks.c.count.label("number"), *names, run.c.number.label("run_number"), run.c.status.label("run_status")
    ).select_from(source.join(pipeline, pipeline.c.id == schedule.c.pipeline_id).outerjoin(run, run.c.id == ticks.c.run_id))


def _select_recent() -> Select[Any]:
    ticks = select(tick).where(tick.c.schedule_id == schedule.c.id).correlate(schedule)
    newest = ticks.order_by(tick.c.due_at.desc()).limit(bindparam("limit")).lateral("recent")
    recent = _describe(newest, schedule.join(newest, true()))
    return recent.where(is_any_of(schedule.c.id, "ids")).order_by(newest.c.schedule_id, newest.c.due_at)


def _select_counts() -> Select[Any]:
    due = (
        select(tick)
        .where(tick.c.due_at >= bindparam("since"), tick.c.due_at < bindparam("until"), _OF_KEPT_PIPELINE)
        .order_by(tick.c.due_at.desc())
        .limit(bindparam("limit"))
        .subquery("due")
    )
    start = func.date_bin(cast(bindparam("step"), INTERVAL), due.c.due_at, bindparam("since")).label("start")
    columns = (due.c.pipeline_id, pipeline.c.name.label("pipeline"), start, due.c.state, run.c.status.label("run_status"))
    joined = due.join(pipeline, pipeline.c.id == due.c.pipeline_id).outerjoin(run, run.c.id == due.c.run_id)
    counts = select(*columns, cast(func.sum(due.c.count), BigInteger).label("number")).select_from(joined)
    return counts.group_by(*columns[:3], due.c.state, run.c.status).order_by(pipeline.c.name, start)


_RECENT, _COUNTS = _select_recent(), _select_counts()


class ScheduleReader:
    """Reads schedules within one transaction."""

    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader) -> None:
        self._transaction = transaction
        self._definitions = definitions

    async def of_pipeline(self, pipeline_id: int) -> list[ScheduleView]:
        return await self._views(_SCHEDULES.where(_EXISTS, schedule.c.pipeline_id == pipeline_id).order_by(schedule.c.id))

    async def upcoming(self, until: datetime, limit: int) -> list[ScheduleView]:
        return await self._views(_UPCOMING, {"until": until, "limit": limit})

    async def recent_ticks(self, schedule_ids: Sequence[int], limit: int) -> list[TickView]:
        ids = [schedule_id for schedule_id in schedule_ids if is_storable_id(schedule_id)]
        return [_to_tick_view(row) for row in await self._transaction.execute(_RECENT, {"ids": ids, "limit": limit})]

    async def ticks(self, query: TickListQuery) -> list[TickView]:
        if not is_storable_id(query.get("pipeline_id") or 1):
            return []
        above, below = query.get("above"), query.get("below")
        page = filter_key_range(select(tick).where(*_conditions(query)), tick.c.id, above, below)
        ordered = page.order_by(tick.c.id if above is not None else tick.c.id.desc()).limit(query["limit"]).subquery("page")
        named = _describe(ordered, schedule.join(ordered, ordered.c.schedule_id == schedule.c.id))
        rows = await self._transaction.execute(named.order_by(ordered.c.id.desc()))
        return [_to_tick_view(row) for row in rows]

    async def counts(self, since: datetime, until: datetime, step: timedelta, limit: int) -> list[TickCount]:
        rows = await self._transaction.execute(_COUNTS, {"since": since, "until": until, "step": step, "limit": limit})
        return [_to_tick_count(row) for row in rows]

    async def _views(self, query: Select[Any], values: Mapping[str, Any] | None = None) -> list[ScheduleView]:
        rows = (await self._transaction.execute(query, values)).all()
        definitions = await self._definitions.load({(row.pipeline_id, row.revision) for row in rows})
        found = [(row, definitions[row.pipeline_id, row.revision].schedules) for row in rows]
        by_name = [(row, next((each for each in schedules if each.name == row.name), None)) for row, schedules in found]
        return [
            ScheduleView(
                row.id,
                row.pipeline_id,
                row.pipeline,
                definition,
                row.next_due_at,
                row.next_fire_at,
                row.paused_at,
                row.paused_by,
                row.paused_until,
            )
            for row, definition in by_name
            if definition is not None
        ]


def _conditions(query: TickListQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [_OF_KEPT_PIPELINE]
    if (pipeline_id := query.get("pipeline_id")) is not None:
        conditions.append(tick.c.pipeline_id == pipeline_id)
    if (state := query.get("state")) is not None:
        conditions.append(tick.c.state == state.value)
    if (since := query.get("since")) is not None:
        conditions.append(tick.c.due_at >= since)
    if (until := query.get("until")) is not None:
        conditions.append(tick.c.due_at < until)
    return conditions


def _to_tick_count(row: Row[Any]) -> TickCount:
    return TickCount(row.pipeline_id, row.pipeline, row.start, TickState(row.state), _to_status(row.run_status), row.number)


def _to_tick_view(row: Row[Any]) -> TickView:
    return TickView(
        row.id,
        row.schedule_id,
        row.schedule,
        row.pipeline_id,
        row.pipeline,
        row.due_at,
        row.fire_at,
        TickState(row.state),
        row.decided_at,
        row.run_id,
        row.run_number,
        _to_status(row.run_status),
        TickReason(row.reason) if row.reason else None,
        row.message,
        row.number,
    )


def _to_status(status: str | None) -> Status | None:
    return Status(status) if status else None
