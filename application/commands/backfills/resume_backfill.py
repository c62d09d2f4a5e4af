"""Resume a backfill."""

from dataclasses import dataclass

from application.commands.backfills.change_backfill import ChangeBackfill
from application.commands.backfills.start_backfill import BackfillResult
from application.ports.persistence.idempotency import IdempotencyKey
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction


@dataclass(frozen=True, slots=True)
class ResumeBackfill:
    """Let a paused backfill open runs again. Resuming one that is not paused changes nothing.

    Raises NotFound; Conflict `backfill_over`; IdempotencyKeyReused.
    """

    change_backfill: ChangeBackfill

    async def __call__(self, backfill_id: int, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> BackfillResult:
        return await self.change_backfill(backfill_id, lambda backfill, _: backfill.resume(), AuditAction.BACKFILL_RESUMED, actor, key)
