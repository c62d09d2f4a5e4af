"""Pause, resume, archive or unarchive a pipeline: what these use cases share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.pipelines import PipelineRef, StoredPipeline
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from application.services.concurrency.limit_sync import follow_archiving
from application.services.schedules.schedule_pauses import SchedulePauses
from domain.access.actor import Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import Conflict, InvalidInput, NotFound
from domain.pipelines.activation import Activation
from domain.site_events import SiteEvent, SiteEventType

ActivationMove = Callable[[Activation, datetime], Activation]
"""A move from the present state at a time. It returns the same object if it changes nothing."""


@dataclass(frozen=True, slots=True)
class ActivationResult:
    """The pipeline after the request. `applied` is False if it was in that state before."""

    pipeline_id: int
    activation: Activation
    applied: bool = True
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        times = {name: at.isoformat() for name in _TIMES if (at := getattr(self.activation, name)) is not None}
        people = {"paused_by": self.activation.paused_by, "archived_by": self.activation.archived_by}
        return {"pipeline_id": self.pipeline_id, "applied": self.applied, "changes": self.activation.changes, **people, **times}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "ActivationResult":
        times: dict[str, Any] = {name: datetime.fromisoformat(stored[name]) for name in _TIMES if name in stored}
        activation = Activation(paused_by=stored["paused_by"], archived_by=stored["archived_by"], changes=stored["changes"], **times)
        return cls(stored["pipeline_id"], activation, stored["applied"], replayed=True)


_TIMES = ("paused_at", "paused_until", "archived_at")
_EVENT_TYPES = {
    AuditAction.PIPELINE_PAUSED: SiteEventType.PIPELINE_PAUSED,
    AuditAction.PIPELINE_RESUMED: SiteEventType.PIPELINE_RESUMED,
    AuditAction.PIPELINE_ARCHIVED: SiteEventType.PIPELINE_ARCHIVED,
    AuditAction.PIPELINE_UNARCHIVED: SiteEventType.PIPELINE_UNARCHIVED,
}


@dataclass(frozen=True, slots=True)
class ChangeActivation:
    """Apply a move to a locked pipeline and add its audit entry, in one transaction.

    Raises NotFound, IdempotencyKeyReused, Conflict `group_conflict` if its groups do not fit any more, and the errors of the move.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups
    schedule_pauses: SchedulePauses

    async def __call__(
        self, ref: PipelineRef, move: ActivationMove, action: AuditAction, actor: Actor, key: IdempotencyKey | None = None
    ) -> ActivationResult:
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return ActivationResult.from_json(stored)
            pipeline = await work.pipelines.find(ref, lock=True)
            if pipeline is None:
                raise NotFound("pipeline", ref)
            now = self.clock.now()
            activation = move(pipeline.activation, now)
            applied = activation is not pipeline.activation
            if applied:
                await store_activation(work, pipeline, activation, action, actor, now, self.schedule_pauses)
                await _store_group_uses(work, pipeline, activation, now, actor)
            result = ActivationResult(pipeline.id, activation, applied)
            if key:
                await work.idempotency.add(key, result.as_json())
            await work.commit()
        if applied:
            self.wakeups.notify_committed()
            self.wakeups.notify_schedules_changed()
        return result


async def _store_group_uses(work: UnitOfWork, pipeline: StoredPipeline, activation: Activation, now: datetime, actor: Actor) -> None:
    """Store that an archived pipeline uses no groups, or that an unarchived one uses its groups again."""
    if activation.is_archived == pipeline.activation.is_archived:
        return
    try:
        await follow_archiving(work, replace(pipeline, activation=activation), now, actor.name)
    except InvalidInput as error:
        sentence = f"{pipeline.name} cannot be unarchived: its concurrency groups conflict with other pipelines: {error}."
        raise Conflict("group_conflict", sentence, {"pipeline": pipeline.name}) from None


async def store_activation(
    work: UnitOfWork,
    pipeline: StoredPipeline,
    activation: Activation,
    action: AuditAction,
    actor: Actor,
    now: datetime,
    schedule_pauses: SchedulePauses,
) -> None:
    """Store the state of a locked pipeline and of its schedules, with the audit entry and the site event of the move to it."""
    await work.pipelines.set_activation(pipeline.id, activation)
    await schedule_pauses.follow_activation(work, pipeline, replace(pipeline, activation=activation), now)
    until = activation.paused_until.isoformat() if action is AuditAction.PIPELINE_PAUSED and activation.paused_until else None
    await work.audit.add([create_audit_entry(actor, action, f"pipeline {pipeline.name}", now, id=pipeline.id, until=until)])
    data = {"name": pipeline.name} | ({"until": until} if until else {})
    await work.site_events.add([SiteEvent(_EVENT_TYPES[action], now, pipeline.id, actor.name, data)])
