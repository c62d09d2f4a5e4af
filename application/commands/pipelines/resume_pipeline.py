"""End a pipeline's pause."""

from dataclasses import dataclass

from application.commands.pipelines.change_activation import ActivationResult, ChangeActivation
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction


@dataclass(frozen=True, slots=True)
class ResumePipeline:
    """Let the pipeline start by itself again. Resuming one that is not paused changes nothing.

    Raises NotFound; IdempotencyKeyReused.
    """

    change_activation: ChangeActivation

    async def __call__(self, ref: PipelineRef, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> ActivationResult:
        return await self.change_activation(ref, lambda activation, now: activation.resume(), AuditAction.PIPELINE_RESUMED, actor, key)
