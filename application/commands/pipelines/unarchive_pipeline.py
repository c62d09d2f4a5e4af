"""Undo the archiving of a pipeline."""

from dataclasses import dataclass

from application.commands.pipelines.change_activation import ActivationResult, ChangeActivation
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction


@dataclass(frozen=True, slots=True)
class UnarchivePipeline:
    """Show the pipeline and accept runs again. A pause stays. Unarchiving twice changes nothing.

    Raises NotFound; Conflict `group_conflict` if its groups do not fit those of other pipelines; IdempotencyKeyReused.
    """

    change_activation: ChangeActivation

    async def __call__(self, ref: PipelineRef, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> ActivationResult:
        return await self.change_activation(
            ref, lambda activation, now: activation.unarchive(), AuditAction.PIPELINE_UNARCHIVED, actor, key
        )
