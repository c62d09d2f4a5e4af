"""Compute the next ticks of a schedule that is stored or only being written."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from application.ports.system.clock import Clock
from application.ports.system.cron_expressions import CronExpressions
from domain.errors import InvalidInput
from domain.schedules.clock_changes import describe_tick
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.ticks import EPOCH, find_ticks, get_jitter, get_schedule_key, get_zone

MAX_TICKS: Final = 100
HORIZON: Final = timedelta(days=30 * 366)
"""Later ticks are left out: some schedules fire on few days of a century."""


@dataclass(frozen=True, slots=True)
class TickPreview:
    """A tick to come. `at` is when it fires, jitter included; `scheduled_for` is the nominal time; `local` is `at` in the schedule's zone.

    `note` tells what a clock change did to it, or what changed before it.
    """

    at: datetime
    scheduled_for: datetime
    local: datetime
    note: str | None


@dataclass(frozen=True, slots=True)
class PreviewTicks:
    """Return the ticks of a schedule after an instant, by default after now. Raises InvalidInput for an invalid cron expression."""

    cron_expressions: CronExpressions
    clock: Clock

    async def __call__(
        self, schedule: ScheduleDefinition, count: int, after: datetime | None = None, pipeline_id: int | None = None
    ) -> list[TickPreview]:
        """Without a pipeline, `at` includes no jitter, since that depends on the pipeline."""
        cron = schedule.recurrence.cron
        if cron is not None and (problem := self.cron_expressions.find_problem(cron)):
            raise InvalidInput.for_field("cron", problem)
        key = get_schedule_key(pipeline_id, schedule.name) if pipeline_id is not None else None
        known = schedule if key else replace(schedule, jitter=0.0)
        ticks = self._find_ticks(known, key or "", after or self.clock.now())
        return await asyncio.to_thread(lambda: list(islice(ticks, min(count, MAX_TICKS))))

    def _find_ticks(self, schedule: ScheduleDefinition, key: str, after: datetime) -> Iterator[TickPreview]:
        zone, iterate = get_zone(schedule.recurrence), self.cron_expressions.iterate
        after = max(after, EPOCH)
        previous = earliest = after - timedelta(seconds=schedule.jitter)
        for due_at in find_ticks(schedule, earliest, iterate):
            if due_at - after > HORIZON:
                return
            at = due_at + get_jitter(key, due_at, schedule.jitter)
            if at > after:
                yield TickPreview(at, due_at, at.astimezone(zone), describe_tick(schedule.recurrence, previous, due_at, iterate))
            previous = due_at
