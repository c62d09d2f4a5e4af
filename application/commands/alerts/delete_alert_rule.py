"""Delete a site-wide alert rule."""

from dataclasses import dataclass

from application.commands.alerts.create_alert_rule import build_rule_event
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class DeleteAlertRule:
    """Delete a rule. Its unresolved incidents are resolved without a message. Raises NotFound."""

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, name: str, actor: Actor = ANONYMOUS_ACTOR) -> None:
        async with self.open_unit_of_work() as work:
            stored = await work.alert_rules.lock(name)
            if stored is None:
                raise NotFound("alert rule", name)
            now = self.clock.now()
            await work.alert_rules.delete(stored.id)
            await work.audit.add([create_audit_entry(actor, AuditAction.ALERT_RULE_DELETED, f"alert rule {name}", now)])
            await work.site_events.add([build_rule_event(name, "deleted", actor, now)])
            await work.commit()
        self.wakeups.notify_committed()
        self.wakeups.notify_alerts_changed()
