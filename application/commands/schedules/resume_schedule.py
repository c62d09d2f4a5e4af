"""End a schedule's pause."""

from dataclasses import dataclass
from datetime import datetime

from application.commands.schedules.change_pause import ChangePause, PauseResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.schedules import LockedSchedule, StoredSchedule
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.schedules.schedule_pauses import SchedulePauses, end_pause
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.schedules.definition import CatchUpPolicy


@dataclass(frozen=True, slots=True)
class ResumeSchedule:
    """Let a schedule fire again, and store the ticks of the pause. Those that `catch_up` chooses run now, one after another.

    Resuming one that is not paused changes nothing. Raises NotFound; IdempotencyKeyReused.
    """

    change_pause: ChangePause
    schedule_pauses: SchedulePauses

    async def __call__(
        self,
        ref: PipelineRef,
        name: str,
        catch_up: CatchUpPolicy = CatchUpPolicy.NONE,
        actor: Actor = ANONYMOUS_ACTOR,
        key: IdempotencyKey | None = None,
    ) -> PauseResult:
        async def resume(work: UnitOfWork, locked: LockedSchedule, now: datetime) -> StoredSchedule | None:
            if locked.schedule.paused_at is None:
                return None
            resumed = end_pause(locked.schedule)
            await self.schedule_pauses.release(work, locked.pipeline, [resumed], now, catch_up=catch_up)
            return resumed

        return await self.change_pause(ref, name, resume, AuditAction.SCHEDULE_RESUMED, actor, key)
