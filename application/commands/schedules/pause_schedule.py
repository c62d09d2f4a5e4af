"""Pause a schedule."""

from dataclasses import dataclass, replace
from datetime import datetime

from application.commands.schedules.change_pause import ChangePause, PauseResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.schedules import LockedSchedule, StoredSchedule
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.schedules.schedule_pauses import SchedulePauses
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.pipelines.activation import require_future_end
from domain.schedules.tick import TickReason


@dataclass(frozen=True, slots=True)
class PauseSchedule:
    """Stop a schedule from firing, until it is resumed or until a time. Its ticks that wait for an earlier run never run.

    Pausing again replaces the end of the pause. Raises NotFound; InvalidInput if `until` is not in the future; IdempotencyKeyReused.
    """

    change_pause: ChangePause
    schedule_pauses: SchedulePauses

    async def __call__(
        self,
        ref: PipelineRef,
        name: str,
        until: datetime | None = None,
        actor: Actor = ANONYMOUS_ACTOR,
        key: IdempotencyKey | None = None,
    ) -> PauseResult:
        async def pause(work: UnitOfWork, locked: LockedSchedule, now: datetime) -> StoredSchedule | None:
            schedule = locked.schedule
            require_future_end(until, now)
            if schedule.paused_at is not None and schedule.paused_until == until:
                return None
            paused = replace(schedule, paused_until=until)
            if schedule.paused_at is None:
                paused = replace(paused, paused_at=now, paused_by=actor.name)
            await self.schedule_pauses.hold(work, [paused], now, TickReason.PAUSED)
            return paused

        return await self.change_pause(ref, name, pause, AuditAction.SCHEDULE_PAUSED, actor, key)
