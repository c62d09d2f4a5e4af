"""Start a run or a stage that waits for a slot, although none is free."""

from dataclasses import dataclass
from datetime import datetime

from application.commands.runs.apply_run_action import ActionOutcome, ApplyRunAction, RunActionResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.runs.run import Run
from domain.runs.run_slots import start_over_limit


@dataclass(frozen=True, slots=True)
class StartOverLimit:
    """Give a run, or one stage of it, the slots that it waits for, over the limit. Without a stage, everything that waits gets its slots.

    Raises NotFound; Conflict `not_limited` if nothing waits for a slot.
    """

    apply_run_action: ApplyRunAction

    async def __call__(
        self, run_id: int, stage: str | None = None, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None
    ) -> RunActionResult:
        async def action(work: UnitOfWork, run: Run, now: datetime) -> ActionOutcome:
            return start_over_limit(run, stage, now, actor.name), True

        return await self.apply_run_action(run_id, action, key, AuditAction.STARTED_OVER_LIMIT, actor)
