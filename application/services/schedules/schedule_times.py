"""The times of a stored schedule: its ticks with their jitter."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import StoredSchedule
from application.ports.system.cron_expressions import CronExpressions
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.ticks import find_ticks, get_jitter

MAX_COLLECTED = 100_000
"""Ticks that are computed for one decision; later ones follow in the next."""
_UNBROKEN = 500
"""Ticks that are computed before other tasks run."""
_INSTANT = timedelta(microseconds=1)


class TickTime(NamedTuple):
    """The nominal time of a tick, and when it fires: with its jitter."""

    due_at: datetime
    fire_at: datetime


class DueTicks(NamedTuple):
    """The ticks of a schedule that are due, oldest first, and the next one. `has_more` if MAX_COLLECTED was reached."""

    times: list[TickTime]
    next: TickTime | None
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleTimes:
    """Computes ticks. All processes agree on them."""

    cron_expressions: CronExpressions

    def iterate(self, pipeline_id: int, definition: ScheduleDefinition, after: datetime) -> Iterator[TickTime]:
        """Yield the ticks after a nominal time."""
        key = f"{pipeline_id}/{definition.name}"
        for due_at in find_ticks(definition, after, self.cron_expressions.iterate):
            yield TickTime(due_at, due_at + get_jitter(key, due_at, definition.jitter))

    def find_next(self, pipeline_id: int, definition: ScheduleDefinition, after: datetime) -> TickTime | None:
        return next(self.iterate(pipeline_id, definition, after), None)

    def find_delayed(self, schedule: StoredSchedule, definition: ScheduleDefinition, now: datetime) -> TickTime | None:
        """Return the next tick if it was due by now, and fires later because of its jitter."""
        if schedule.next_due_at is None or schedule.next_due_at > now:
            return None
        return self.find_next(schedule.pipeline_id, definition, schedule.next_due_at - _INSTANT)

    async def collect_due(self, schedule: StoredSchedule, definition: ScheduleDefinition, now: datetime) -> DueTicks:
        """Return the undecided ticks that fire until `now`. Other tasks run meanwhile."""
        due: list[TickTime] = []
        if schedule.next_due_at is None:
            return DueTicks(due, None)
        upcoming = self.iterate(schedule.pipeline_id, definition, schedule.next_due_at - _INSTANT)
        for time in upcoming:
            if time.fire_at > now:
                return DueTicks(due, time)
            if len(due) == MAX_COLLECTED:
                return DueTicks(due, time, has_more=True)
            due.append(time)
            if len(due) % _UNBROKEN == 0:
                await asyncio.sleep(0)
        return DueTicks(due, None)


def find_definition(pipeline: StoredPipeline, name: str) -> ScheduleDefinition | None:
    """Return the definition of the pipeline's schedule."""
    return next((each for each in pipeline.definition.schedules if each.name == name), None)


def is_held(pipeline: StoredPipeline) -> bool:
    """Return True if no schedule of the pipeline fires, because it is paused or archived."""
    return pipeline.paused_at is not None or pipeline.archived_at is not None


def move_to(schedule: StoredSchedule, next_time: TickTime | None, last_due_at: datetime | None, *, is_held: bool = False) -> StoredSchedule:
    """Return the schedule with its next tick. It fires then unless it, or its pipeline, is held."""
    due_at, fire_at = next_time or (None, None)
    if is_held or schedule.paused_at is not None:
        fire_at = schedule.paused_until
    return replace(schedule, next_due_at=due_at, next_fire_at=fire_at, last_due_at=last_due_at or schedule.last_due_at)
