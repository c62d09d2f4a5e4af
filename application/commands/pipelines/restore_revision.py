"""Restore an earlier revision of a pipeline."""

from collections.abc import Collection
from dataclasses import dataclass

from application.commands.pipelines.change_pipeline import ChangedPipeline, ChangePipeline
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.errors import NotFound
from domain.pipelines.serialization import serialize_pipeline


@dataclass(frozen=True, slots=True)
class RestoreRevision:
    """Add a revision with the definition, the name and the text of an earlier one, unless they equal those of the newest.

    Raises NotFound, and the errors of ChangePipeline: InvalidInput if the definition is not valid any more, NameTaken, StaleRevision,
    IdempotencyKeyReused.
    """

    open_unit_of_work: OpenUnitOfWork
    change_pipeline: ChangePipeline

    async def __call__(
        self,
        ref: PipelineRef,
        number: int,
        expected: Collection[int] | None = None,
        actor: Actor = ANONYMOUS_ACTOR,
        key: IdempotencyKey | None = None,
    ) -> ChangedPipeline:
        async with self.open_unit_of_work() as work:
            pipeline = await work.pipelines.find(ref)
            if pipeline is None:
                raise NotFound("pipeline", ref)
            revision = await work.pipelines.find_revision(pipeline.id, number)
            if revision is None:
                raise NotFound("revision", number, pipeline.name)
        raw, source = serialize_pipeline(revision.definition), revision.origin.source
        return await self.change_pipeline(pipeline.id, raw, expected, actor, source=source, restored_from=number, key=key)
