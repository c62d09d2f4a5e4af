"""Let a run go on past a stage."""

from dataclasses import dataclass
from datetime import datetime

from application.commands.control_run import Controlled, ControlRun, Done
from application.ports.persistence import IdempotencyKey, UnitOfWork
from domain.audit import Deed
from domain.controls import ANYBODY, Person, skip_stage
from domain.run import Run


@dataclass(frozen=True, slots=True)
class SkipStage:
    """A stage that a person skips counts as done for what needs it. NotFound; Conflict `not_skippable`, `run_ending`."""

    control_run: ControlRun

    async def __call__(
        self, run_id: int, stage: str, person: Person = ANYBODY, reason: str | None = None, key: IdempotencyKey | None = None
    ) -> Controlled:
        async def act(work: UnitOfWork, run: Run, now: datetime) -> Done:
            return [stage], skip_stage(run, stage, now, person, reason)

        return await self.control_run(run_id, act, key, Deed.SKIPPED, person)
