"""Resolve an incident by a person's decision."""

from dataclasses import dataclass
from datetime import datetime

from application.commands.alerts.change_incident import ChangeIncident, IncidentResult
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import UnitOfWork
from application.services.alerts.message_planner import MessagePlanner
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction
from domain.alerts.incident import Incident, Resolution
from domain.alerts.message import MessageKind, Transition


@dataclass(frozen=True, slots=True)
class ResolveIncident:
    """Resolve an incident, and say so where its opening arrived. The next bad run opens a new one. Resolving again changes nothing.

    Raises NotFound; IdempotencyKeyReused.
    """

    change_incident: ChangeIncident
    message_planner: MessagePlanner

    async def __call__(self, incident_id: int, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> IncidentResult:
        return await self.change_incident(
            incident_id,
            lambda incident, person, now: incident if incident.is_resolved else incident.resolve(Resolution.RESOLVED, now, person),
            AuditAction.INCIDENT_RESOLVED,
            actor,
            key,
            self._plan_message,
        )

    async def _plan_message(self, work: UnitOfWork, incident: Incident, now: datetime) -> None:
        transition = Transition(incident, MessageKind.RECOVERED, None, incident.pipeline_id, incident.last_run_id, now)
        await self.message_planner.plan(work, [transition], now)
