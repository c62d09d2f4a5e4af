"""End one stage; the run goes on."""

from dataclasses import dataclass
from datetime import datetime

from application.commands.control_run import Controlled, ControlRun, Done
from application.ports.persistence import IdempotencyKey, UnitOfWork
from domain.audit import Deed
from domain.controls import ANYBODY, Person, cancel_stage
from domain.run import Run


@dataclass(frozen=True, slots=True)
class CancelStage:
    """What does not run is cancelled at once, what runs is ended by its worker. NotFound; Conflict `stage_over`, `run_ending`."""

    control_run: ControlRun

    async def __call__(
        self, run_id: int, stage: str, person: Person = ANYBODY, reason: str | None = None, key: IdempotencyKey | None = None
    ) -> Controlled:
        async def act(work: UnitOfWork, run: Run, now: datetime) -> Done:
            return [stage], cancel_stage(run, stage, now, person, reason)

        return await self.control_run(run_id, act, key, Deed.STAGE_CANCELLED, person)
