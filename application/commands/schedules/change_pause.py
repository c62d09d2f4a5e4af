"""Pause or resume a schedule: what these use cases share."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from application.commands.schedules.find_schedule import lock_schedule
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef
from application.ports.persistence.schedules import LockedSchedule, StoredSchedule
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.site_events import SiteEvent, SiteEventType

PauseMove = Callable[[UnitOfWork, LockedSchedule, datetime], Awaitable[StoredSchedule | None]]
"""Stores the move of a locked schedule at a time. Returns the schedule after it, or None if nothing changes."""
_EVENT_TYPES = {
    AuditAction.SCHEDULE_PAUSED: SiteEventType.SCHEDULE_PAUSED,
    AuditAction.SCHEDULE_RESUMED: SiteEventType.SCHEDULE_RESUMED,
}


@dataclass(frozen=True, slots=True)
class PauseResult:
    """The schedule after the request. `applied` is False if it was in that state before."""

    pipeline_id: int
    schedule: str
    applied: bool = True
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"pipeline_id": self.pipeline_id, "schedule": self.schedule, "applied": self.applied}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "PauseResult":
        return cls(**stored, replayed=True)


@dataclass(frozen=True, slots=True)
class ChangePause:
    """Apply a move to a locked schedule and add its audit entry, in one transaction.

    Raises NotFound, IdempotencyKeyReused, and the errors of the move.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(
        self, ref: PipelineRef, name: str, move: PauseMove, action: AuditAction, actor: Actor, key: IdempotencyKey | None
    ) -> PauseResult:
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return PauseResult.from_json(stored)
            locked = await lock_schedule(work, ref, name)
            now = self.clock.now()
            changed = await move(work, locked, now)
            if changed is not None:
                await _record(work, locked, changed, action, actor, now)
            result = PauseResult(locked.pipeline.id, name, changed is not None)
            if key:
                await work.idempotency.add(key, result.as_json())
            await work.commit()
        if changed is not None:
            self.wakeups.notify_committed()
            self.wakeups.notify_schedules_changed()
        return result


async def _record(
    work: UnitOfWork, locked: LockedSchedule, changed: StoredSchedule, action: AuditAction, actor: Actor, now: datetime
) -> None:
    """Add the audit entry and the site event of a move."""
    pipeline, until = locked.pipeline, changed.paused_until.isoformat() if changed.paused_until else None
    subject = f"schedule {changed.name} of pipeline {pipeline.name}"
    await work.audit.add([create_audit_entry(actor, action, subject, now, id=pipeline.id, until=until)])
    data = {"name": pipeline.name, "schedule": changed.name} | ({"until": until} if until else {})
    await work.site_events.add([SiteEvent(_EVENT_TYPES[action], now, pipeline.id, actor.name, data)])
