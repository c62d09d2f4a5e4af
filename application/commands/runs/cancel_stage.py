"""End one stage; the run goes on."""

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
    """What does not run is cancelled at once, what runs is ended by its worker. NotFound; Conflict `stage_over`, `run_ending`."""

    apply_run_action: ApplyRunAction

    async def __call__(
        self, run_id: int, stage: str, actor: Actor = ANONYMOUS_ACTOR, reason: str | None = None, key: IdempotencyKey | None = None
    ) -> RunActionResult:
        async def act(work: UnitOfWork, run: Run, now: datetime) -> ActionOutcome:
            return [stage], cancel_stage(run, stage, now, actor, reason)

        return await self.apply_run_action(run_id, act, key, AuditAction.STAGE_CANCELLED, actor)
