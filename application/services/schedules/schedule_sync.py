"""Keeps the stored schedules of a pipeline equal to those that its newest revision defines."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import NewSchedule, StoredSchedule
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.schedules.schedule_times import ScheduleTimes, find_definition, is_held, move_to
from application.services.schedules.unrun_ticks import record_undecided_ticks, skip_waiting_ticks
from domain.schedules.tick import TickReason


@dataclass(frozen=True, slots=True)
class ScheduleSync:
    """Adds, changes and removes stored schedules in the transaction that stores a revision. The pipeline is locked.

    It is never retroactive: the next tick of a new or changed schedule is after now and after its last tick. A schedule that did not change
    keeps its next tick, and none is paused or resumed.
    """

    times: ScheduleTimes

    async def add_all(self, work: UnitOfWork, pipeline: StoredPipeline, now: datetime, are_paused: bool = False) -> bool:
        """Store the schedules of a new pipeline. Return True if it has any."""
        await self._add(work, pipeline, [each.name for each in pipeline.definition.schedules], now, are_paused)
        return bool(pipeline.definition.schedules)

    async def update(self, work: UnitOfWork, before: StoredPipeline, after: StoredPipeline, now: datetime) -> bool:
        """Store what a new revision changes. Return True if it changes any schedule."""
        if before.definition.schedules == after.definition.schedules:
            return False
        stored = await work.schedules.list_of(after.id)
        changed = [each for each in stored if find_definition(before, each.name) != find_definition(after, each.name)]
        decided = [await self._decide_due(work, before, each, now) for each in changed]
        removed = [each for each in decided if find_definition(after, each.name) is None]
        await skip_waiting_ticks(work, removed, now, TickReason.REMOVED)
        await work.schedules.save(await asyncio.to_thread(self._move_all, after, decided, now))
        await work.schedules.remove([each.id for each in removed], now)
        names = {each.name for each in stored}
        await self._add(work, after, [each.name for each in after.definition.schedules if each.name not in names], now)
        return True

    async def _decide_due(self, work: UnitOfWork, before: StoredPipeline, schedule: StoredSchedule, now: datetime) -> StoredSchedule:
        """Store the ticks that were due by the old definition and did not run yet. Return the schedule with its last tick.

        A tick that its jitter delays beyond now is one of them: the new definition's next tick is after now.
        """
        definition = find_definition(before, schedule.name)
        if definition is None:
            return schedule
        reason = TickReason.PAUSED if schedule.next_fire_at == schedule.paused_until else TickReason.REMOVED
        decided = await record_undecided_ticks(work, schedule, definition, self.times, now, reason)
        delayed = self.times.find_delayed(decided, definition, now)
        if delayed is None:
            return decided
        return await record_undecided_ticks(work, decided, definition, self.times, now, reason, until=delayed.fire_at)

    async def _add(self, work: UnitOfWork, pipeline: StoredPipeline, names: Sequence[str], now: datetime, are_paused: bool = False) -> None:
        """Store new schedules. Their times are computed in a thread: some fire on a few days of a century."""
        if names:
            new = await asyncio.to_thread(lambda: [self._create(pipeline, name, now) for name in names])
            await work.schedules.add([each._replace(next_fire_at=None, paused_at=now) for each in new] if are_paused else new)

    def _create(self, pipeline: StoredPipeline, name: str, now: datetime) -> NewSchedule:
        definition = find_definition(pipeline, name)
        time = self.times.find_next(pipeline.id, definition, now) if definition is not None else None
        due_at, fire_at = time or (None, None)
        return NewSchedule(pipeline.id, name, due_at, None if is_held(pipeline) else fire_at)

    def _move_all(self, pipeline: StoredPipeline, schedules: Sequence[StoredSchedule], now: datetime) -> list[StoredSchedule]:
        return [self._move(pipeline, each, now) for each in schedules]

    def _move(self, pipeline: StoredPipeline, schedule: StoredSchedule, now: datetime) -> StoredSchedule:
        definition = find_definition(pipeline, schedule.name)
        after = max(now, schedule.last_due_at or now)
        time = self.times.find_next(pipeline.id, definition, after) if definition is not None else None
        return move_to(schedule, time, None, is_held=is_held(pipeline))
