"""Snooze an incident."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from application.commands.alerts.change_incident import ChangeIncident, IncidentResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.services.alerts.message_planner import MessagePlanner
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.alerts.incident import Incident, IncidentState
from domain.alerts.period import compute_end


@dataclass(frozen=True, slots=True)
class SnoozeIncident:
    """Stop the messages of an incident for a duration, or until a time, and remind of it then. A later snooze replaces an earlier one.

    Raises NotFound; InvalidInput for an end in the past or after more than 366 days; Conflict `incident_resolved`; IdempotencyKeyReused.
    """

    change_incident: ChangeIncident
    message_planner: MessagePlanner

    async def __call__(
        self, incident_id: int, until: datetime | timedelta, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None
    ) -> IncidentResult:
        def snooze(incident: Incident, person: str, now: datetime) -> Incident:
            end = compute_end(now, now, until, "until")
            if incident.state is IncidentState.SNOOZED and incident.snoozed_until == end:
                return incident
            return incident.snooze(person, end, now)

        return await self.change_incident(
            incident_id, snooze, AuditAction.INCIDENT_SNOOZED, actor, key, self.message_planner.plan_snooze_end
        )
