"""Acknowledge, snooze or resolve an incident: what these use cases share."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.alerts.incident import Incident
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.errors import NotFound
from domain.site_events import SiteEvent, SiteEventType

SOMEONE: Final = "someone"
"""The name that is stored for a caller without sign-in."""
IncidentMove = Callable[[Incident, str, datetime], Incident]
"""A move of an incident by a person, at a time. It returns the same object if it changes nothing."""
AfterMove = Callable[[UnitOfWork, Incident, datetime], Awaitable[None]]
"""Stores what else a move changes."""


@dataclass(frozen=True, slots=True)
class IncidentResult:
    """The incident that a request changed. `applied` is False if it was in that state before."""

    incident_id: int
    applied: bool = True
    replayed: bool = False

    def as_json(self) -> dict[str, Any]:
        return {"incident_id": self.incident_id, "applied": self.applied}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored, replayed=True)


@dataclass(frozen=True, slots=True)
class ChangeIncident:
    """Apply a move to a locked incident and add its audit entry, in one transaction.

    Raises NotFound, IdempotencyKeyReused, and the errors of the move.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(
        self,
        incident_id: int,
        move: IncidentMove,
        action: AuditAction,
        actor: Actor,
        key: IdempotencyKey | None,
        after_move: AfterMove | None = None,
    ) -> IncidentResult:
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return IncidentResult.from_json(stored)
            incident = (await work.incidents.lock([incident_id])).get(incident_id)
            if incident is None:
                raise NotFound("incident", incident_id)
            now = self.clock.now()
            changed = move(incident, actor.name or SOMEONE, now)
            if changed is not incident:
                await _store(work, changed, action, actor, now)
                if after_move is not None:
                    await after_move(work, changed, now)
            result = IncidentResult(incident_id, changed is not incident)
            if key:
                await work.idempotency.add(key, result.as_json())
            await work.commit()
        if result.applied:
            self.wakeups.notify_committed()
            self.wakeups.notify_deliveries_changed()
        return result


async def _store(work: UnitOfWork, incident: Incident, action: AuditAction, actor: Actor, now: datetime) -> None:
    await work.incidents.save([incident])
    change = IncidentEntryKind(action.value.removeprefix("incident_"))
    details = {"until": incident.snoozed_until.isoformat()} if action is AuditAction.INCIDENT_SNOOZED and incident.snoozed_until else {}
    await work.incidents.add_entries([IncidentEntry(incident.id, now, change, actor.name, details)])
    await work.audit.add([create_audit_entry(actor, action, f"incident {incident.id}", now, **details)])
    data = {"id": incident.id, "state": incident.state.value, "change": change.value}
    await work.site_events.add([SiteEvent(SiteEventType.INCIDENT_CHANGED, now, incident.pipeline_id, actor.name, data)])
