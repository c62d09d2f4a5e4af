"""Store a new pipeline, or add a revision to one."""

from dataclasses import dataclass

from application.ports.clock import Clock
from application.ports.parameters import ParameterSchemas
from application.ports.persistence import OpenUnitOfWork, PipelineRef, StoredPipeline
from application.ports.wakeups import Wakeups
from domain.definition import PipelineDefinition
from domain.definition_reader import read_definition
from domain.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class CreatePipeline:
    """Store a pipeline as revision 1. InvalidInput naming every field at fault, NameTaken; nothing is stored then."""

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, raw: object) -> StoredPipeline:
        definition = read_checked(raw, self.schemas)
        async with self.open_unit_of_work() as work:
            pipeline = await work.pipelines.add(definition, self.clock.now())
            await work.commit()
        self.wakeups.committed()
        return pipeline


@dataclass(frozen=True, slots=True)
class ChangePipeline:
    """Add a revision, unless it says what the newest one says; runs under way keep theirs. NotFound, InvalidInput, NameTaken."""

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, ref: PipelineRef, raw: object) -> StoredPipeline:
        definition = read_checked(raw, self.schemas)
        async with self.open_unit_of_work() as work:
            pipeline = await work.pipelines.find(ref, lock=True)
            if pipeline is None:
                raise NotFound("pipeline", ref)
            if pipeline.definition == definition:
                return pipeline
            changed = await work.pipelines.revise(pipeline.id, definition, self.clock.now())
            await work.commit()
        self.wakeups.committed()
        return changed


def read_checked(raw: object, schemas: ParameterSchemas) -> PipelineDefinition:
    """The definition, its parameters' schema checked too."""
    definition = read_definition(raw)
    if definition.parameters is not None:
        problems = schemas.problems_of_schema(definition.parameters)
        if problems:
            raise InvalidInput(problems)
    return definition
