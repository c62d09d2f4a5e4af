"""Stores schedules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Integer, Label, bindparam, exists, func, insert, select, text, update
from sqlalchemy.engine import Row

from adapters.persistence.connection.bulk_parameters import is_any_of, is_storable_id, rows_from_json, to_row
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.repositories.pipelines import to_pipeline
from adapters.persistence.tables.base import UNFINISHED
from adapters.persistence.tables.pipelines import pipeline
from adapters.persistence.tables.runs import run
from adapters.persistence.tables.schedules import IS_WAITING, schedule, tick
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import LockedSchedule, NewSchedule, NextWake, StoredSchedule
from domain.pipelines.definition import PipelineDefinition

_COLUMNS = tuple(field.name for field in fields(StoredSchedule))
_CHANGES = ("next_due_at", "next_fire_at", "last_due_at", "paused_at", "paused_by", "paused_until")
_SCHEDULE = select(*(schedule.c[name] for name in _COLUMNS)).where(schedule.c.removed_at.is_(None))
_OF_PIPELINE: tuple[Label[Any], ...] = tuple(column.label(f"pipeline_{column.name}") for column in pipeline.c if column.name != "id")
_IS_INCLUDED: ColumnElement[bool] = ~is_any_of(schedule.c.id, "excluded")
_HAS_WAITING_TICK = exists().where(tick.c.schedule_id == schedule.c.id, text(f"tick.{IS_WAITING}"))
_HAS_UNFINISHED_RUN = exists().where(run.c.schedule_id == schedule.c.id, text(f"run.{UNFINISHED}"))


def _lock(*conditions: ColumnElement[bool], order: ColumnElement[Any]) -> CompiledStatement:
    """Select and lock schedules with their pipelines, without waiting: no two transactions can wait for each other."""
    query = _SCHEDULE.add_columns(*_OF_PIPELINE).join(pipeline, pipeline.c.id == schedule.c.pipeline_id)
    query = query.where(*conditions, _IS_INCLUDED).order_by(order).limit(bindparam("limit", type_=Integer))
    return CompiledStatement(query.with_for_update(key_share=True, skip_locked=True, of=[schedule, pipeline]))


def _build_save() -> CompiledStatement:
    values = rows_from_json("schedules", schedule, ("id", *_CHANGES))
    return CompiledStatement(update(schedule).where(schedule.c.id == values.c.id).values({name: values.c[name] for name in _CHANGES}))


def _build_add() -> CompiledStatement:
    columns = NewSchedule._fields
    rows = rows_from_json("schedules", schedule, columns)
    return CompiledStatement(insert(schedule).from_select(columns, select(*rows.c), include_defaults=False))


def _build_next_wake() -> CompiledStatement:
    fire_at = select(func.min(schedule.c.next_fire_at)).where(schedule.c.next_fire_at.is_not(None), _IS_INCLUDED).scalar_subquery()
    return CompiledStatement(select(fire_at.label("fire_at"), exists().where(text(IS_WAITING)).select_from(tick).label("has_waiting")))


_IS_DUE = (schedule.c.next_fire_at.is_not(None), schedule.c.next_fire_at <= bindparam("now", type_=DateTime(timezone=True)))
_LOCK_DUE = _lock(*_IS_DUE, order=schedule.c.next_fire_at)
_LOCK_RELEASED = _lock(schedule.c.paused_at.is_(None), _HAS_WAITING_TICK, ~_HAS_UNFINISHED_RUN, order=schedule.c.id)
_LIST_OF = CompiledStatement(_SCHEDULE.where(schedule.c.pipeline_id == bindparam("pipeline")).order_by(schedule.c.id))
_ADD, _SAVE, _NEXT_WAKE = _build_add(), _build_save(), _build_next_wake()
_REMOVE = CompiledStatement(
    update(schedule)
    .where(is_any_of(schedule.c.id, "ids"))
    .values(removed_at=bindparam("now", type_=DateTime(timezone=True)), next_due_at=None, next_fire_at=None)
)


class SqlSchedules:
    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader) -> None:
        self._transaction = transaction
        self._definitions = definitions

    async def add(self, schedules: Sequence[NewSchedule]) -> None:
        if schedules:
            self._transaction.enqueue(_ADD, schedules=[new._asdict() for new in schedules])

    async def list_of(self, pipeline_id: int) -> list[StoredSchedule]:
        if not is_storable_id(pipeline_id):
            return []
        (rows,) = await self._transaction.fetch_batch((_LIST_OF, {"pipeline": pipeline_id}))
        return [_to_schedule(row) for row in rows]

    async def lock_due(self, now: datetime, limit: int, excluded: Collection[int] = ()) -> list[LockedSchedule]:
        return await self._lock(_LOCK_DUE, now=now, limit=limit, excluded=list(excluded))

    async def lock_released(self, limit: int, excluded: Collection[int] = ()) -> list[LockedSchedule]:
        return await self._lock(_LOCK_RELEASED, limit=limit, excluded=list(excluded))

    async def save(self, schedules: Sequence[StoredSchedule]) -> None:
        if schedules:
            self._transaction.enqueue(_SAVE, schedules=[to_row(each, ("id", *_CHANGES)) for each in schedules])

    async def remove(self, ids: Sequence[int], now: datetime) -> None:
        if ids:
            self._transaction.enqueue(_REMOVE, ids=list(ids), now=now)

    async def find_next_wake(self, excluded: Collection[int] = ()) -> NextWake:
        ((row,),) = await self._transaction.fetch_batch((_NEXT_WAKE, {"excluded": list(excluded)}))
        return NextWake(row.fire_at, row.has_waiting)

    async def _lock(self, statement: CompiledStatement, **values: Any) -> list[LockedSchedule]:
        (rows,) = await self._transaction.fetch_batch((statement, values))
        definitions = await self._definitions.load((row.pipeline_id, row.pipeline_revision) for row in rows) if rows else {}
        return [LockedSchedule(_to_schedule(row), _to_pipeline(row, definitions[row.pipeline_id, row.pipeline_revision])) for row in rows]


def _to_pipeline(row: Row[Any], definition: PipelineDefinition) -> StoredPipeline:
    columns = {column.name: getattr(row, f"pipeline_{column.name}") for column in pipeline.c}
    return to_pipeline(SimpleNamespace(**columns), definition)


def _to_schedule(row: Row[Any]) -> StoredSchedule:
    return StoredSchedule(*(getattr(row, name) for name in _COLUMNS))
