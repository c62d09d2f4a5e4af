"""Stores backfills and their ticks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, bindparam, exists, insert, select, update

from adapters.persistence.connection.bulk_parameters import is_any_of, is_storable_id, rows_from_json, to_row
from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.repositories.backfill_due import LIST_MOVED, LIST_UNFINISHED, LOCK_DUE
from adapters.persistence.repositories.backfill_rows import (
    COUNT_COLUMNS,
    PLAN_COLUMNS,
    STATE_COLUMNS,
    TICK_CHANGES,
    to_backfill,
    to_backfill_tick,
    to_changes,
)
from adapters.persistence.repositories.backfill_runs import DURATIONS, NEWEST_RUNS, NEWEST_RUNS_OF_SCHEDULE
from adapters.persistence.repositories.definitions import DefinitionLoader
from adapters.persistence.repositories.pipelines import to_pipeline
from adapters.persistence.tables.backfills import backfill, backfill_tick
from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline
from application.ports.persistence.backfills import LockedBackfill, MovedTick, NewBackfill
from application.ports.persistence.pipelines import StoredPipeline
from domain.backfills.backfill import Backfill, BackfillState
from domain.backfills.tick import BackfillTick, BackfillTickState
from domain.runs.status import Status

_NEW = ("pipeline_id", "created_at", "created_by", "tick_order", "existing", *PLAN_COLUMNS, *STATE_COLUMNS, *COUNT_COLUMNS)
_NEW_TICK = ("backfill_id", "position", "pipeline_id", "due_at", "state")
_TICK_KEY = ("backfill_id", "position")
_ID = bindparam("id", type_=BigInteger)
_IS_PENDING = backfill_tick.c.state == BackfillTickState.PENDING.value


def _build_add() -> CompiledStatement:
    rows = rows_from_json("backfills", backfill, _NEW)
    return CompiledStatement(insert(backfill).from_select(_NEW, select(*rows.c), include_defaults=False).returning(*backfill.c))


def _build_add_ticks() -> CompiledStatement:
    rows = rows_from_json("ticks", backfill_tick, _NEW_TICK)
    return CompiledStatement(insert(backfill_tick).from_select(_NEW_TICK, select(*rows.c), include_defaults=False))


def _build_find(lock: bool) -> CompiledStatement:
    query = select(backfill).join(pipeline, pipeline.c.id == backfill.c.pipeline_id).where(NOT_DELETED, backfill.c.id == _ID)
    return CompiledStatement(query.with_for_update(key_share=True, of=backfill) if lock else query)


def _build_save() -> CompiledStatement:
    columns = (*STATE_COLUMNS, *COUNT_COLUMNS)
    values = rows_from_json("backfills", backfill, ("id", *columns))
    return CompiledStatement(update(backfill).where(backfill.c.id == values.c.id).values({name: values.c[name] for name in columns}))


def _build_save_ticks() -> CompiledStatement:
    values = rows_from_json("ticks", backfill_tick, (*_TICK_KEY, *TICK_CHANGES))
    same = [backfill_tick.c[name] == values.c[name] for name in _TICK_KEY]
    return CompiledStatement(update(backfill_tick).where(*same).values({name: values.c[name] for name in TICK_CHANGES}))


_ADD, _ADD_TICKS, _SAVE, _SAVE_TICKS = _build_add(), _build_add_ticks(), _build_save(), _build_save_ticks()
_FIND = {lock: _build_find(lock) for lock in (True, False)}
_LIST_PENDING = CompiledStatement(
    select(backfill_tick)
    .where(backfill_tick.c.backfill_id == _ID, _IS_PENDING)
    .order_by(backfill_tick.c.position)
    .limit(bindparam("limit", type_=Integer))
)
_CANCEL_PENDING = CompiledStatement(
    update(backfill_tick)
    .where(backfill_tick.c.backfill_id == _ID, _IS_PENDING)
    .values(state=bindparam("cancelled", BackfillTickState.CANCELLED.value, type_=Text))
)
_HAS_UNFINISHED = CompiledStatement(
    select(exists().where(backfill.c.finished_at.is_(None), ~is_any_of(backfill.c.id, "excluded")).label("has_unfinished"))
)
_LOAD_PIPELINE = CompiledStatement(select(pipeline).where(pipeline.c.id == _ID))


class SqlBackfills:
    def __init__(self, transaction: SqlTransaction, definitions: DefinitionLoader) -> None:
        self._transaction = transaction
        self._definitions = definitions

    async def add(self, new: NewBackfill) -> Backfill:
        plan = new.plan
        row = {
            **to_row(new, ("pipeline_id", "created_at", "created_by")),
            **to_row(plan, PLAN_COLUMNS),
            "tick_order": plan.order.value,
            "existing": plan.existing.value,
            "state": BackfillState.RUNNING.value,
            **dict.fromkeys(COUNT_COLUMNS, 0),
            "pending": len(new.due),
        }
        ((stored,),) = await self._transaction.fetch_batch((_ADD, {"backfills": [row]}))
        shared = {"backfill_id": stored.id, "pipeline_id": new.pipeline_id, "state": BackfillTickState.PENDING.value}
        ticks = [{"position": position, "due_at": due_at, **shared} for position, due_at in enumerate(new.due, 1)]
        self._transaction.enqueue(_ADD_TICKS, ticks=ticks)
        return to_backfill(stored)

    async def find(self, backfill_id: int, *, lock: bool = False) -> Backfill | None:
        if not is_storable_id(backfill_id):
            return None
        (rows,) = await self._transaction.fetch_batch((_FIND[lock], {"id": backfill_id}))
        return to_backfill(rows[0]) if rows else None

    async def find_newest_runs(
        self, pipeline_id: int, schedule_id: int | None, since: datetime, until: datetime
    ) -> Mapping[datetime, Status]:
        values: dict[str, Any] = {"pipeline": pipeline_id, "since": since, "until": until}
        statement = NEWEST_RUNS
        if schedule_id is not None:
            statement, values["schedule"] = NEWEST_RUNS_OF_SCHEDULE, schedule_id
        (rows,) = await self._transaction.fetch_batch((statement, values))
        return {row.scheduled_for: Status(row.status) for row in rows}

    async def find_durations(self, pipeline_id: int, limit: int) -> Sequence[float]:
        (rows,) = await self._transaction.fetch_batch((DURATIONS, {"pipeline": pipeline_id, "limit": limit}))
        return [max(0.0, (row.finished_at - row.started_at).total_seconds() - row.idle_seconds) for row in rows]

    async def lock_due(self, now: datetime, excluded: Collection[int] = ()) -> LockedBackfill | None:
        (rows,) = await self._transaction.fetch_batch((LOCK_DUE, {"now": now, "excluded": list(excluded)}))
        if not rows:
            return None
        found = to_backfill(rows[0])
        unfinished, pipelines = await self._transaction.fetch_batch(
            (LIST_UNFINISHED, {"id": found.id}), (_LOAD_PIPELINE, {"id": found.pipeline_id})
        )
        return LockedBackfill(found, await self._to_pipeline(pipelines[0]), len(unfinished))

    async def list_moved(self, backfill_id: int) -> Sequence[MovedTick]:
        (rows,) = await self._transaction.fetch_batch((LIST_MOVED, {"id": backfill_id}))
        return [MovedTick(to_backfill_tick(row), Status(row.status) if row.status else None) for row in rows]

    async def list_pending(self, backfill_id: int, limit: int) -> Sequence[BackfillTick]:
        (rows,) = await self._transaction.fetch_batch((_LIST_PENDING, {"id": backfill_id, "limit": limit}))
        return [to_backfill_tick(row) for row in rows]

    async def list_unfinished_runs(self, backfill_id: int) -> Sequence[int]:
        (rows,) = await self._transaction.fetch_batch((LIST_UNFINISHED, {"id": backfill_id}))
        return [row.id for row in rows]

    async def save(self, changed: Backfill) -> None:
        self._transaction.enqueue(_SAVE, backfills=[to_changes(changed)])

    async def save_ticks(self, backfill_id: int, ticks: Sequence[BackfillTick]) -> None:
        if ticks:
            rows = [{"backfill_id": backfill_id, **to_row(tick, ("position", *TICK_CHANGES))} for tick in ticks]
            self._transaction.enqueue(_SAVE_TICKS, ticks=rows)

    async def cancel_pending(self, backfill_id: int) -> None:
        self._transaction.enqueue(_CANCEL_PENDING, id=backfill_id)

    async def has_unfinished(self, excluded: Collection[int] = ()) -> bool:
        ((row,),) = await self._transaction.fetch_batch((_HAS_UNFINISHED, {"excluded": list(excluded)}))
        return bool(row.has_unfinished)

    async def _to_pipeline(self, row: Any) -> StoredPipeline:
        definitions = await self._definitions.load([(row.id, row.revision)])
        return to_pipeline(row, definitions[row.id, row.revision])
