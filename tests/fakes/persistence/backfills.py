"""Backfills and their ticks in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from application.ports.persistence.backfills import LockedBackfill, MovedTick, NewBackfill
from application.ports.persistence.pipelines import StoredPipeline
from domain.backfills.backfill import Backfill, BackfillState, Progress
from domain.backfills.tick import BackfillTick, BackfillTickState
from domain.runs.active_time import get_active_seconds
from domain.runs.run import Run
from domain.runs.status import Status
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction


class FakeBackfills:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, new: NewBackfill) -> Backfill:
        tx = await self._transaction.begin_statement()
        tx.require_lock("pipeline", new.pipeline_id)
        values.document(dict(new.plan.parameters))
        backfill = Backfill(
            tx.store.next_id("backfill"),
            new.pipeline_id,
            new.plan,
            new.created_at,
            values.text(new.created_by),
            progress=Progress(pending=len(new.due)),
        )
        await tx.lock("backfill", backfill.id)
        tx.backfills[backfill.id] = _check(backfill)
        for position, due_at in enumerate(new.due, 1):
            tx.backfill_ticks[backfill.id, position] = BackfillTick(position, due_at)
        return backfill

    async def find(self, backfill_id: int, *, lock: bool = False) -> Backfill | None:
        tx = await self._transaction.begin_statement()
        if lock and self._find(backfill_id) is not None:
            await tx.lock("backfill", backfill_id)
        return self._find(backfill_id)

    async def find_newest_runs(
        self, pipeline_id: int, schedule_id: int | None, since: datetime, until: datetime
    ) -> Mapping[datetime, Status]:
        tx = await self._transaction.begin_statement()
        found: dict[datetime, Status] = {}
        for _, run in sorted(tx.runs.items()):
            at = run.trigger.scheduled_for
            if run.pipeline_id == pipeline_id and at is not None and since <= at <= until and self._is_of(run, schedule_id):
                found[at] = run.status
        return found

    async def find_durations(self, pipeline_id: int, limit: int) -> Sequence[float]:
        tx = await self._transaction.begin_statement()
        runs = [run for _, run in sorted(tx.runs.items(), reverse=True) if (run.pipeline_id, run.status) == (pipeline_id, Status.COMPLETED)]
        times = [get_active_seconds(run, run.finished_at) for run in runs if run.finished_at is not None]
        return [seconds for seconds in times if seconds is not None][:limit]

    async def lock_due(self, now: datetime, excluded: Collection[int] = ()) -> LockedBackfill | None:
        tx = await self._transaction.begin_statement()
        for backfill_id in sorted(set(tx.backfills) - set(excluded)):
            row = self._find(backfill_id)
            if row is None or not self._is_due(row, now):
                continue
            if tx.is_locked_elsewhere("pipeline", row.pipeline_id) or tx.is_locked_elsewhere("backfill", row.id):
                continue
            await tx.lock("pipeline", row.pipeline_id)
            await tx.lock("backfill", row.id)
            locked = self._find(backfill_id)
            if locked is not None and self._is_due(locked, now):
                return LockedBackfill(locked, self._load_pipeline(locked.pipeline_id), len(self._unfinished(locked.id)))
        return None

    async def list_moved(self, backfill_id: int) -> Sequence[MovedTick]:
        tx = await self._transaction.begin_statement()
        tx.require_lock("backfill", backfill_id)
        return self._list_moved(backfill_id)

    async def list_pending(self, backfill_id: int, limit: int) -> Sequence[BackfillTick]:
        tx = await self._transaction.begin_statement()
        tx.require_lock("backfill", backfill_id)
        return [tick for tick in self._ticks(backfill_id) if tick.state is BackfillTickState.PENDING][:limit]

    async def list_unfinished_runs(self, backfill_id: int) -> Sequence[int]:
        await self._transaction.begin_statement()
        return [run.id for run in self._unfinished(backfill_id)]

    async def save(self, backfill: Backfill) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("backfill", backfill.id)
        stored = tx.backfills[backfill.id]
        tx.backfills[backfill.id] = replace(_check(backfill), plan=stored.plan, created_at=stored.created_at, created_by=stored.created_by)

    async def save_ticks(self, backfill_id: int, ticks: Sequence[BackfillTick]) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("backfill", backfill_id)
        for tick in ticks:
            values.text(tick.message)
            tx.backfill_ticks[backfill_id, tick.position] = replace(tick, due_at=tx.backfill_ticks[backfill_id, tick.position].due_at)

    async def cancel_pending(self, backfill_id: int) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("backfill", backfill_id)
        for tick in self._ticks(backfill_id):
            if tick.state is BackfillTickState.PENDING:
                tx.backfill_ticks[backfill_id, tick.position] = replace(tick, state=BackfillTickState.CANCELLED)

    async def has_unfinished(self, excluded: Collection[int] = ()) -> bool:
        tx = await self._transaction.begin_statement()
        return any(row.finished_at is None and row.id not in excluded for row in tx.backfills.values())

    def _find(self, backfill_id: int) -> Backfill | None:
        tx = self._transaction
        row = tx.backfills.get(backfill_id)
        if row is None or row.pipeline_id not in tx.pipelines or tx.pipelines[row.pipeline_id].deleting_at is not None:
            return None
        return row

    def _ticks(self, backfill_id: int) -> list[BackfillTick]:
        return [tick for (owner, _), tick in sorted(self._transaction.backfill_ticks.items()) if owner == backfill_id]

    def _unfinished(self, backfill_id: int) -> list[Run]:
        runs = sorted(self._transaction.runs.items())
        return [run for _, run in runs if run.trigger.backfill_id == backfill_id and not run.is_over]

    def _is_due(self, row: Backfill, now: datetime) -> bool:
        may_open = row.state is BackfillState.RUNNING and row.progress.pending > 0 and (row.retry_at is None or row.retry_at <= now)
        return (may_open and len(self._unfinished(row.id)) < row.plan.parallel) or bool(self._list_moved(row.id))

    def _list_moved(self, backfill_id: int) -> list[MovedTick]:
        runs = self._transaction.runs
        found = [
            MovedTick(tick, runs[tick.run_id].status if tick.run_id in runs else None)
            for tick in self._ticks(backfill_id)
            if tick.run_id is not None
        ]
        return [moved for moved in found if self._has_moved(moved)]

    def _has_moved(self, moved: MovedTick) -> bool:
        """Return whether the tick's state does not follow from its run. Ticks that ended stay so once their runs are removed."""
        if moved.status is None:
            return moved.tick.state is BackfillTickState.RUNNING
        return moved.tick.follow_run(moved.status) != moved.tick

    def _is_of(self, run: Run, schedule_id: int | None) -> bool:
        if run.trigger.backfill_id is None:
            return schedule_id is not None and run.trigger.schedule_id == schedule_id
        backfill = self._transaction.backfills.get(run.trigger.backfill_id)
        return schedule_id is None or backfill is None or backfill.plan.schedule_id in (None, schedule_id)

    def _load_pipeline(self, pipeline_id: int) -> StoredPipeline:
        row = self._transaction.pipelines[pipeline_id]
        definition = self._transaction.revisions[row.id, row.revision]
        return StoredPipeline(row.id, row.revision, definition, row.created_at, row.updated_at, row.activation)


def _check(backfill: Backfill) -> Backfill:
    plan = backfill.plan
    for at in (plan.since, plan.until, backfill.created_at, backfill.paused_at, backfill.finished_at, backfill.retry_at):
        values.moment(at)
    for text in (plan.schedule, plan.cron, backfill.paused_by, backfill.cancelled_by, backfill.message):
        values.text(text)
    return backfill
