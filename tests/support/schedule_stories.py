"""Schedules and ticks written to the store, as the tick service would have written them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from adapters.system.cronsim_expressions import CronsimExpressions
from application.ports.persistence.pipelines import StoredPipeline
from application.ports.persistence.schedules import NewSchedule
from domain.runs.run import Run
from domain.runs.status import Status
from domain.runs.trigger import SCHEDULE, Trigger
from domain.schedules.definition import ScheduleDefinition
from domain.schedules.tick import Tick, TickReason, TickState
from domain.schedules.ticks import find_next_tick, find_ticks, get_jitter, get_schedule_key
from tests.fakes import FakeAdapters
from tests.support.run_stories import end, start

CRON = CronsimExpressions()
SENTENCES: Mapping[TickState, tuple[TickReason, str]] = {
    TickState.LATE: (TickReason.OUTAGE, "Headgate or its database was not available at that time."),
    TickState.MISSED: (TickReason.OUTAGE, "Headgate or its database was not available at that time."),
    TickState.SKIPPED: (TickReason.OVERLAP, "Run 41 was not over."),
    TickState.WAITING: (TickReason.OVERLAP, "Run 41 was not over."),
    TickState.PAUSED: (TickReason.PAUSED, "The schedule was paused."),
}


class ScheduleStories:
    """Writes the schedules of stored pipelines, and the outcome of their last ticks."""

    def __init__(self, fakes: FakeAdapters) -> None:
        self._fakes = fakes

    async def add(self, pipeline: StoredPipeline) -> None:
        """Store the schedules of the pipeline, from now on."""
        now = self._fakes.clock.now()
        async with self._fakes.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            await work.schedules.add([_create(pipeline.id, definition, now) for definition in pipeline.definition.schedules])
            await work.commit()
        await self._fakes.change_feed.announce()

    async def pause(self, pipeline: StoredPipeline, name: str, by: str | None = None) -> None:
        """Pause a schedule of the pipeline."""
        async with self._fakes.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            (row,) = [row for row in await work.schedules.list_of(pipeline.id) if row.name == name]
            await work.schedules.save([replace(row, paused_at=self._fakes.clock.now(), paused_by=by, next_fire_at=None)])
            await work.commit()

    async def play_ticks(self, pipeline: StoredPipeline, name: str, since: datetime, *story: TickState | Status, message: str = "") -> None:
        """Store a tick for each part of the story, from the first one after `since` on: a state, or the status of its run."""
        (definition,) = [each for each in pipeline.definition.schedules if each.name == name]
        times = list(islice(find_ticks(definition, since, CRON.iterate), len(story)))
        async with self._fakes.open_unit_of_work() as work:
            await work.pipelines.find(pipeline.id, lock=True)
            (row,) = [row for row in await work.schedules.list_of(pipeline.id) if row.name == name]
            for at, part in zip(times, story, strict=True):
                state, run_id = (part, None) if isinstance(part, TickState) else (TickState.FIRED, None)
                if isinstance(part, Status) or state is TickState.LATE:
                    run = await self._run(pipeline, row.id, name, at, part if isinstance(part, Status) else Status.COMPLETED)
                    run.number = (await work.runs.next_numbers([pipeline.id]))[pipeline.id]
                    run_id = await work.runs.add(run)
                reason, sentence = SENTENCES.get(state, (None, None))
                await work.ticks.add([Tick(row.id, pipeline.id, at, at, state, at, run_id, reason, message or sentence)])
            await work.commit()
        await self._fakes.change_feed.announce()

    async def _run(self, pipeline: StoredPipeline, schedule_id: int, name: str, at: datetime, status: Status) -> Run:
        run = Run.open(
            pipeline_id=pipeline.id,
            definition=pipeline.definition,
            revision=pipeline.revision,
            number=1,
            trigger=Trigger(SCHEDULE, name, None, schedule_id, at),
            parameters={},
            now=at,
        )
        first = next(iter(run.stages))
        start(run, at + timedelta(seconds=1))
        if status in (Status.COMPLETED, Status.FAILED):
            end(first, status, at + timedelta(seconds=30), error="HTTP 503" if status is Status.FAILED else None)(run)
        return run


def _create(pipeline_id: int, definition: ScheduleDefinition, now: datetime) -> NewSchedule:
    due_at = find_next_tick(definition, now, CRON.iterate)
    if due_at is None:
        return NewSchedule(pipeline_id, definition.name, None, None)
    jitter = get_jitter(get_schedule_key(pipeline_id, definition.name), due_at, definition.jitter)
    return NewSchedule(pipeline_id, definition.name, due_at, due_at + jitter)
