"""Cancel a backfill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.commands.backfills.change_backfill import ChangeBackfill
from application.commands.backfills.start_backfill import BackfillResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.backfills.backfill import Backfill
from domain.runs.run import Run


@dataclass(frozen=True, slots=True)
class CancelBackfill:
    """Cancel the pending ticks of a backfill, and its unfinished runs too if asked. Cancelling twice changes nothing more.

    Raises NotFound; Conflict `backfill_over` if it is completed; IdempotencyKeyReused.
    """

    change_backfill: ChangeBackfill

    async def __call__(
        self, backfill_id: int, cancel_runs: bool = False, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None
    ) -> BackfillResult:
        async def cancel_rest(work: UnitOfWork, backfill: Backfill, now: datetime) -> Sequence[Run]:
            await work.backfills.cancel_pending(backfill.id)
            return await _cancel_runs(work, backfill, now, actor) if cancel_runs else ()

        return await self.change_backfill(
            backfill_id,
            lambda backfill, now: backfill.cancel(now, actor.name),
            AuditAction.BACKFILL_CANCELLED,
            actor,
            key,
            cancel_rest,
        )


async def _cancel_runs(work: UnitOfWork, backfill: Backfill, now: datetime, actor: Actor) -> Sequence[Run]:
    locked = await work.runs.lock(await work.backfills.list_unfinished_runs(backfill.id))
    runs = [run for run in locked.values() if not run.is_over]
    for run in runs:
        run.cancel(now, actor.name, f"Backfill {backfill.id} was cancelled.")
    await work.runs.save(*runs)
    return runs
