"""Stores ticks of schedules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, insert, literal_column, select, text, true, union, update
from sqlalchemy.engine import Row

from adapters.persistence.connection.bulk_parameters import is_any_of, rows_from_json, to_row
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.schedules import IS_WAITING, schedule, tick
from domain.schedules.tick import Tick, TickReason, TickState

_COLUMNS = tuple(field.name for field in fields(Tick))
_MAX_OPEN: ColumnElement[int] = literal_column("1000000")
_KEY = ("schedule_id", "due_at")
_CHANGES = ("state", "run_id", "reason", "message", "decided_at")


def _build_add() -> CompiledStatement:
    """Insert in the order of the rows, so that ids follow it."""
    rows = rows_from_json("ticks", tick, _COLUMNS)
    return CompiledStatement(insert(tick).from_select(_COLUMNS, select(*rows.c), include_defaults=False))


def _build_save() -> CompiledStatement:
    values = rows_from_json("ticks", tick, (*_KEY, *_CHANGES))
    same = [tick.c[name] == values.c[name] for name in _KEY]
    return CompiledStatement(update(tick).where(*same).values({name: values.c[name] for name in _CHANGES}))


def _build_list_open() -> CompiledStatement:
    """The limits keep PostgreSQL from joining all ticks: it looks up those of each schedule, in the partitions from its next tick on."""
    columns = [tick.c[name] for name in _COLUMNS]
    ticks = select(*columns).where(tick.c.schedule_id == schedule.c.id).correlate(schedule).limit(_MAX_OPEN)
    parts = []
    conditions: Sequence[Any] = (text(f"tick.{IS_WAITING}"), tick.c.due_at >= schedule.c.next_due_at)
    for number, is_open in enumerate(conditions):
        found = ticks.where(is_open).lateral(f"open_{number}")
        parts.append(select(*found.c).select_from(schedule.join(found, true())).where(is_any_of(schedule.c.id, "ids")))
    return CompiledStatement(union(*parts).order_by(text("due_at, schedule_id")))


_ADD, _SAVE, _LIST_OPEN = _build_add(), _build_save(), _build_list_open()


class SqlTicks:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, ticks: Sequence[Tick]) -> None:
        if ticks:
            self._transaction.enqueue(_ADD, ticks=[to_row(each, _COLUMNS) for each in ticks])

    async def save(self, ticks: Sequence[Tick]) -> None:
        if ticks:
            self._transaction.enqueue(_SAVE, ticks=[to_row(each, (*_KEY, *_CHANGES)) for each in ticks])

    async def list_open(self, schedule_ids: Sequence[int]) -> list[Tick]:
        if not schedule_ids:
            return []
        (rows,) = await self._transaction.fetch_batch((_LIST_OPEN, {"ids": list(schedule_ids)}))
        return [to_tick(row) for row in rows]


def to_tick(row: Row[Any]) -> Tick:
    return Tick(
        schedule_id=row.schedule_id,
        pipeline_id=row.pipeline_id,
        due_at=row.due_at,
        fire_at=row.fire_at,
        state=TickState(row.state),
        decided_at=row.decided_at,
        run_id=row.run_id,
        reason=TickReason(row.reason) if row.reason else None,
        message=row.message,
        count=row[_COLUMNS.index("count")],
    )
