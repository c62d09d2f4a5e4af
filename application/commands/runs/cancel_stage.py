"""Cancel one stage of a run."""

from dataclasses import dataclass
from datetime import datetime

from application.commands.runs.apply_run_action import ActionOutcome, ApplyRunAction, RunActionResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import UnitOfWork
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.runs.run import Run
from domain.runs.stage_actions import cancel_stage


@dataclass(frozen=True, slots=True)
class CancelStage:
    """Cancel a stage, or have the worker stop it if it is running. The run continues.

    Raises NotFound; Conflict `stage_over` or `run_ending`.
    """

    apply_run_action: ApplyRunAction

    async def __call__(
        self, run_id: int, stage: str, actor: Actor = ANONYMOUS_ACTOR, reason: str | None = None, key: IdempotencyKey | None = None
    ) -> RunActionResult:
        async def action(work: UnitOfWork, run: Run, now: datetime) -> ActionOutcome:
            return [stage], cancel_stage(run, stage, now, actor, reason)

        return await self.apply_run_action(run_id, action, key, AuditAction.STAGE_CANCELLED, actor)
