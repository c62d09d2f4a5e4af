"""Queue a run of a pipeline's newest revision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from application.ports.clock import Clock
from application.ports.parameters import ParameterSchemas
from application.ports.persistence import OpenUnitOfWork, PipelineRef, StoredPipeline, UnitOfWork
from application.ports.wakeups import Wakeups
from domain.errors import InvalidInput, NotFound
from domain.run import Run, Trigger
from domain.status import Status


@dataclass(frozen=True, slots=True)
class TriggerCommand:
    """`trace` carries the caller's trace context on to the stages."""

    pipeline: PipelineRef
    parameters: Mapping[str, Any] = field(default_factory=dict)
    trigger: Trigger = field(default_factory=lambda: Trigger("api"))
    trace: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Triggered:
    run_id: int
    number: int
    pipeline_id: int
    pipeline: str
    status: Status


@dataclass(frozen=True, slots=True)
class TriggerPipeline:
    """One transaction writes the run, its stage runs, its first events and its burst request. NotFound, InvalidInput."""

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, command: TriggerCommand) -> Triggered:
        async with self.open_unit_of_work() as work:
            pipeline = await work.pipelines.find(command.pipeline, lock=True)
            if pipeline is None:
                raise NotFound("pipeline", command.pipeline)
            problems = self.schemas.problems_of(command.parameters, pipeline.definition.parameters)
            if problems:
                raise InvalidInput(problems)
            run = await open_run(work, pipeline, command, self.schemas, self.clock)
            await work.commit()
        self.wakeups.committed([run])
        return Triggered(run.id, run.number, pipeline.id, pipeline.name, run.status)


async def open_run(work: UnitOfWork, pipeline: StoredPipeline, command: TriggerCommand, schemas: ParameterSchemas, clock: Clock) -> Run:
    """Number and store a new run; the pipeline's row is locked already."""
    run = Run.open(
        pipeline_id=pipeline.id,
        definition=pipeline.definition,
        revision=pipeline.revision,
        number=await work.runs.next_number(pipeline.id),
        trigger=command.trigger,
        parameters=schemas.with_defaults(command.parameters, pipeline.definition.parameters),
        now=clock.now(),
        trace=command.trace,
    )
    await work.runs.add(run)
    return run
