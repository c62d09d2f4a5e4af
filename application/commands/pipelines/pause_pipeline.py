"""Pause a pipeline."""

from dataclasses import dataclass
from datetime import datetime

from application.commands.pipelines.change_activation import ActivationResult, ChangeActivation
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction


@dataclass(frozen=True, slots=True)
class PausePipeline:
    """Stop what starts the pipeline by itself, until it is resumed or until a time. People and the API may still trigger it.

    Pausing again replaces the end of the pause. Raises NotFound; InvalidInput if `until` is not in the future; IdempotencyKeyReused.
    """

    change_activation: ChangeActivation

    async def __call__(
        self,
        ref: PipelineRef,
        until: datetime | None = None,
        actor: Actor = ANONYMOUS_ACTOR,
        key: IdempotencyKey | None = None,
    ) -> ActivationResult:
        return await self.change_activation(
            ref, lambda activation, now: activation.pause(now, actor.name, until), AuditAction.PIPELINE_PAUSED, actor, key
        )
