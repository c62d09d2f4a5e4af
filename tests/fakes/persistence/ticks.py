"""Ticks in memory."""

from collections.abc import Sequence
from dataclasses import replace

from domain.schedules.tick import Tick, TickState
from tests.fakes.persistence import values
from tests.fakes.persistence.transaction import Transaction
from tests.fakes.persistence.values import RowRejected


class FakeTicks:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, ticks: Sequence[Tick]) -> None:
        tx = await self._transaction.begin_statement()
        for tick in ticks:
            key = tick.schedule_id, tick.due_at
            await tx.lock("tick", *key)
            if key in tx.ticks:
                raise tx.abort(RowRejected(f"schedule {tick.schedule_id} has a tick at {tick.due_at} already"))
            tx.ticks[key] = _check(tick)
            tx.tick_ids[key] = tx.store.next_id("tick")

    async def save(self, ticks: Sequence[Tick]) -> None:
        tx = await self._transaction.begin_statement()
        for tick in ticks:
            key = tick.schedule_id, tick.due_at
            stored = tx.ticks[key]
            await tx.lock("tick", *key)
            tx.ticks[key] = replace(_check(tick), fire_at=stored.fire_at, count=stored.count, pipeline_id=stored.pipeline_id)

    async def list_open(self, schedule_ids: Sequence[int]) -> list[Tick]:
        tx = await self._transaction.begin_statement()
        rows = [row for row in tx.ticks.values() if row.schedule_id in schedule_ids]
        return sorted((row for row in rows if self._is_open(row)), key=lambda row: (row.due_at, row.schedule_id))

    def _is_open(self, tick: Tick) -> bool:
        schedule = self._transaction.schedules.get(tick.schedule_id)
        next_due_at = schedule.next_due_at if schedule is not None else None
        return tick.state is TickState.WAITING or (next_due_at is not None and tick.due_at >= next_due_at)


def _check(tick: Tick) -> Tick:
    for at in (tick.due_at, tick.fire_at, tick.decided_at):
        values.moment(at)
    values.text(tick.message)
    values.bigint(tick.run_id)
    return tick
