"""Change a site-wide alert rule."""

from dataclasses import dataclass, replace

from application.commands.alerts.create_alert_rule import build_rule_event, check_channels, describe_rule
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.alerts.site_rule_parsing import parse_site_rule
from domain.errors import NotFound


@dataclass(frozen=True, slots=True)
class ChangeAlertRule:
    """Replace a rule; its name stays. A rule that equals the stored one changes nothing.

    Raises NotFound; InvalidInput with every invalid field, also for unknown channels.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, name: str, raw: object, actor: Actor = ANONYMOUS_ACTOR) -> None:
        rule, tags = parse_site_rule(raw, name)
        async with self.open_unit_of_work() as work:
            stored = await work.alert_rules.lock(name)
            if stored is None:
                raise NotFound("alert rule", name)
            changed = replace(stored, rule=rule, tags=tags)
            if changed == stored:
                return
            await check_channels(work, rule)
            now = self.clock.now()
            await work.alert_rules.save(changed)
            entry = create_audit_entry(actor, AuditAction.ALERT_RULE_CHANGED, f"alert rule {name}", now, **describe_rule(rule, tags))
            await work.audit.add([entry])
            await work.site_events.add([build_rule_event(name, "changed", actor, now)])
            await work.commit()
        self.wakeups.notify_committed()
        self.wakeups.notify_alerts_changed()
