"""Pause a backfill."""

from dataclasses import dataclass

from application.commands.backfills.change_backfill import ChangeBackfill
from application.commands.backfills.start_backfill import BackfillResult
from application.ports.persistence.idempotency import IdempotencyKey
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction


@dataclass(frozen=True, slots=True)
class PauseBackfill:
    """Stop a backfill from opening runs. Its unfinished runs go on. Pausing twice changes nothing.

    Raises NotFound; Conflict `backfill_over`; IdempotencyKeyReused.
    """

    change_backfill: ChangeBackfill

    async def __call__(self, backfill_id: int, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> BackfillResult:
        return await self.change_backfill(
            backfill_id, lambda backfill, now: backfill.pause(now, actor.name), AuditAction.BACKFILL_PAUSED, actor, key
        )
