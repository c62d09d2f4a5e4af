"""Store a new pipeline, or add a revision to one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import IdempotencyKey, OpenUnitOfWork, PipelineRef, StoredPipeline
from application.ports.system.clock import Clock
from application.ports.system.parameter_schemas import ParameterSchemas
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import InvalidInput, NotFound, StaleRevision
from domain.pipelines.definition import PipelineDefinition
from domain.pipelines.parsing import parse_definition
from domain.pipelines.serialization import serialize_pipeline
from domain.runs.operator_actions import ANONYMOUS_ACTOR, Actor


@dataclass(frozen=True, slots=True)
class CreatedPipeline(StoredPipeline):
    """A new pipeline. `replayed`: made by an earlier request with the same key, and shown as it was then."""

    replayed: bool = False

    @classmethod
    def of(cls, pipeline: StoredPipeline) -> Self:
        return cls(pipeline.id, pipeline.revision, pipeline.definition, pipeline.created_at, pipeline.updated_at)

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "created_at": self.created_at.isoformat(), "definition": serialize_pipeline(self.definition)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        at = datetime.fromisoformat(stored["created_at"])
        return cls(stored["id"], 1, parse_definition(stored["definition"]), at, at, replayed=True)


@dataclass(frozen=True, slots=True)
class CreatePipeline:
    """Store a pipeline as revision 1. InvalidInput naming every field at fault, NameTaken; nothing is stored then."""

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, raw: object, key: IdempotencyKey | None = None, actor: Actor = ANONYMOUS_ACTOR) -> CreatedPipeline:
        definition = parse_and_validate_definition(raw, self.schemas)
        now = self.clock.now()
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, now)) is not None:
                return CreatedPipeline.from_json(stored)
            created = CreatedPipeline.of(await work.pipelines.add(definition, now))
            await work.audit.add([create_audit_entry(actor, AuditAction.PIPELINE_CREATED, f"pipeline {definition.name}", now, id=created.id)])
            if key:
                await work.idempotency.add(key, created.as_json())
            await work.commit()
        self.wakeups.notify_committed()
        return created


@dataclass(frozen=True, slots=True)
class ChangePipeline:
    """Add a revision, unless it says what the newest one says; runs under way keep theirs. NotFound, InvalidInput, NameTaken;
    Stale when the newest revision is none of those `expected`."""

    open_unit_of_work: OpenUnitOfWork
    schemas: ParameterSchemas
    clock: Clock
    wakeups: Wakeups

    async def __call__(
        self, ref: PipelineRef, raw: object, expected: Collection[int] | None = None, actor: Actor = ANONYMOUS_ACTOR
    ) -> StoredPipeline:
        definition = parse_and_validate_definition(raw, self.schemas)
        async with self.open_unit_of_work() as work:
            pipeline = await work.pipelines.find(ref, lock=True)
            if pipeline is None:
                raise NotFound("pipeline", ref)
            if expected is not None and pipeline.revision not in expected:
                raise StaleRevision(f"{pipeline.name} is at revision {pipeline.revision} by now; look at it again before changing it.")
            if pipeline.definition == definition:
                return pipeline
            now = self.clock.now()
            changed = await work.pipelines.revise(pipeline.id, definition, now)
            told = {"revision": changed.revision, "renamed": definition.name if definition.name != pipeline.name else None}
            await work.audit.add([create_audit_entry(actor, AuditAction.PIPELINE_CHANGED, f"pipeline {pipeline.name}", now, **told)])
            await work.commit()
        self.wakeups.notify_committed()
        return changed


def parse_and_validate_definition(raw: object, schemas: ParameterSchemas) -> PipelineDefinition:
    """The definition, its parameters' schema and those of its approvals' fields checked too."""
    definition = parse_definition(raw)
    problems = list(schemas.find_schema_problems(definition.parameters)) if definition.parameters is not None else []
    for index, stage in enumerate(definition.stages):
        if stage.fields is not None:
            found = schemas.find_schema_problems(stage.fields)
            problems += [replace(problem, field=problem.field.replace("parameters", f"stages[{index}].fields", 1)) for problem in found]
    if problems:
        raise InvalidInput(problems)
    return definition
