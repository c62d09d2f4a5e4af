"""Schedules in memory."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import LockedSchedule, NewSchedule, NextWake, StoredSchedule
from domain.schedules.tick import TickState
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeSchedules:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, schedules: Sequence[NewSchedule]) -> None:
        tx = await self._transaction.begin_statement()
        for new in schedules:
            values.text(new.name)
            tx.require_lock("pipeline", new.pipeline_id)
            if any((row.pipeline_id, row.name) == (new.pipeline_id, new.name) for row in tx.schedules.values()):
                raise tx.abort(RowRejected(f"pipeline {new.pipeline_id} has a schedule {new.name} already"))
            schedule_id = tx.store.next_id("schedule")
            tx.store.schedule_names[schedule_id] = new.name
            tx.schedules[schedule_id] = _check(StoredSchedule(schedule_id, *new[:4], paused_at=new.paused_at))

    async def list_of(self, pipeline_id: int) -> list[StoredSchedule]:
        tx = await self._transaction.begin_statement()
        return sorted((row for row in tx.schedules.values() if row.pipeline_id == pipeline_id), key=lambda row: row.id)

    async def lock_due(self, now: datetime, limit: int, excluded: Collection[int] = ()) -> list[LockedSchedule]:
        tx = await self._transaction.begin_statement()

        def is_due(row: StoredSchedule) -> bool:
            return row.next_fire_at is not None and row.next_fire_at <= now

        due = sorted(filter(is_due, tx.schedules.values()), key=lambda row: (row.next_fire_at, row.id))
        return await self._lock(due, is_due, limit, excluded)

    async def lock_released(self, limit: int, excluded: Collection[int] = ()) -> list[LockedSchedule]:
        tx = await self._transaction.begin_statement()
        waiting = {row.schedule_id for row in tx.ticks.values() if row.state is TickState.WAITING}
        busy = {run.trigger.schedule_id for run in tx.runs.values() if not run.is_over}

        def is_released(row: StoredSchedule) -> bool:
            return row.id in waiting - busy and row.paused_at is None

        return await self._lock(sorted(filter(is_released, tx.schedules.values()), key=lambda row: row.id), is_released, limit, excluded)

    async def save(self, schedules: Sequence[StoredSchedule]) -> None:
        tx = await self._transaction.begin_statement()
        for row in schedules:
            tx.require_lock("pipeline", row.pipeline_id)
            stored = tx.schedules[row.id]
            tx.schedules[row.id] = replace(_check(row), pipeline_id=stored.pipeline_id, name=stored.name)

    async def remove(self, ids: Sequence[int], now: datetime) -> None:
        tx = await self._transaction.begin_statement()
        values.moment(now)
        for schedule_id in ids:
            tx.require_lock("pipeline", tx.schedules[schedule_id].pipeline_id)
            del tx.schedules[schedule_id]
            tx.removed_schedules[schedule_id] = now

    async def find_next_wake(self, excluded: Collection[int] = ()) -> NextWake:
        tx = await self._transaction.begin_statement()
        times = [row.next_fire_at for row in tx.schedules.values() if row.next_fire_at is not None and row.id not in excluded]
        return NextWake(min(times, default=None), any(row.state is TickState.WAITING for row in tx.ticks.values()))

    async def _lock(
        self, rows: Sequence[StoredSchedule], is_wanted: Callable[[StoredSchedule], bool], limit: int, excluded: Collection[int]
    ) -> list[LockedSchedule]:
        """Lock pipelines, which all writers of schedules lock. Skip those that are locked elsewhere, and rows that have changed."""
        tx = self._transaction
        locked: list[LockedSchedule] = []
        for row in rows:
            if len(locked) == limit:
                break
            if row.id in excluded or tx.is_locked_elsewhere("pipeline", row.pipeline_id):
                continue
            await tx.lock("pipeline", row.pipeline_id)
            if row.id not in tx.schedules or not is_wanted(tx.schedules[row.id]):
                continue
            pipeline = tx.pipelines[row.pipeline_id]
            definition = tx.revisions[pipeline.id, pipeline.revision]
            stored = StoredPipeline(
                pipeline.id, pipeline.revision, definition, pipeline.created_at, pipeline.updated_at, pipeline.activation
            )
            locked.append(LockedSchedule(tx.schedules[row.id], stored))
        return locked


def _check(row: StoredSchedule) -> StoredSchedule:
    for at in (row.next_due_at, row.next_fire_at, row.last_due_at, row.paused_at, row.paused_until):
        values.moment(at)
    values.text(row.paused_by)
    return row
