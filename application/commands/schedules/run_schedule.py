"""Start a run of a schedule now."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from application.commands.runs.run_opener import RunOpener, UncheckedRun
from application.commands.runs.trigger_pipeline import TriggerResult
from application.commands.schedules.find_schedule import lock_schedule
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.services.schedules.schedule_times import find_definition
from application.services.schedules.scheduled_trigger import build_trigger
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.errors import NotFound
from domain.pipelines.activation import check_not_archived
from domain.runs.trigger import Trigger


@dataclass(frozen=True, slots=True)
class RunScheduleCommand:
    """`kind` is the kind of the trigger."""

    pipeline: PipelineRef
    schedule: str
    kind: str = "api"
    actor: Actor = ANONYMOUS_ACTOR
    trace: Mapping[str, str] = field(default_factory=dict)
    key: IdempotencyKey | None = None


@dataclass(frozen=True, slots=True)
class RunSchedule:
    """Start a run with the schedule's parameters, as a tick due now would have them, whether or not an earlier run is over.

    The next ticks regard the run as one of the schedule. Raises NotFound and the errors of TriggerPipeline.
    """

    open_unit_of_work: OpenUnitOfWork
    run_opener: RunOpener

    async def __call__(self, command: RunScheduleCommand) -> TriggerResult:
        return await self.run_opener.open_checked(lambda checked_revision: self._run(command, checked_revision))

    async def _run(self, command: RunScheduleCommand, checked_revision: int | None) -> TriggerResult | UncheckedRun:
        opener, key = self.run_opener, command.key
        with opener.begin() as opening:
            async with self.open_unit_of_work() as work:
                if key and (stored := await work.idempotency.find(key, opener.clock.now())) is not None:
                    return TriggerResult.from_json(stored)
                opener.check_disk_space()
                schedule, pipeline = await lock_schedule(work, command.pipeline, command.schedule)
                check_not_archived(pipeline.name, pipeline.activation)
                definition = find_definition(pipeline, schedule.name)
                if definition is None:
                    raise NotFound("schedule", schedule.name, f"pipeline {pipeline.name}")
                tick = build_trigger(schedule, definition, opener.clock.now())
                trigger = Trigger(command.kind, command.actor.name, schedule_id=schedule.id)
                started = replace(tick, trigger=trigger, trace=command.trace, actor=command.actor)
                if opener.needs_check(pipeline, checked_revision):
                    return UncheckedRun(pipeline, started)
                result = TriggerResult.from_opened(await opening.open(work, pipeline, started))
                if key:
                    await work.idempotency.add(key, result.as_json())
                await work.commit()
            opening.notify()
        return result
