"""Create a site-wide alert rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.alert_rules import NewSiteRule
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.alerts.channel import describe_unknown_channel
from domain.alerts.rule import AlertRule
from domain.alerts.site_rule_parsing import parse_site_rule
from domain.errors import Conflict, FieldProblem, InvalidInput
from domain.site_events import SiteEvent, SiteEventType

MAX_SITE_RULES = 100


@dataclass(frozen=True, slots=True)
class CreatedAlertRule:
    """The rule that a request created."""

    name: str
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class CreateAlertRule:
    """Store a rule for all pipelines, or for those with one of its tags. It applies to runs that end from now on.

    Raises InvalidInput with every invalid field, also for unknown channels; Conflict `alert_rule_exists`, or `too_many_rules`;
    IdempotencyKeyReused.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, raw: object, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> CreatedAlertRule:
        rule, tags = parse_site_rule(raw)
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return CreatedAlertRule(stored["name"], replayed=True)
            await check_channels(work, rule)
            if len(await work.alert_rules.list_all()) >= MAX_SITE_RULES:
                raise Conflict("too_many_rules", f"There are already {MAX_SITE_RULES} site-wide rules. Delete one first.")
            now = self.clock.now()
            stored_rule = await work.alert_rules.add(NewSiteRule(rule, tags, now, actor.name))
            details = describe_rule(rule, tags)
            entry = create_audit_entry(actor, AuditAction.ALERT_RULE_CREATED, f"alert rule {stored_rule.rule.name}", now, **details)
            await work.audit.add([entry])
            await work.site_events.add([build_rule_event(str(stored_rule.rule.name), "created", actor, now)])
            if key:
                await work.idempotency.add(key, {"name": stored_rule.rule.name})
            await work.commit()
        self.wakeups.notify_committed()
        self.wakeups.notify_alerts_changed()
        return CreatedAlertRule(str(stored_rule.rule.name))


def build_rule_event(name: str, change: str, actor: Actor, now: datetime) -> SiteEvent:
    """Return the event of a rule that was created, changed or deleted. The judge of alerts reads it."""
    return SiteEvent(SiteEventType.ALERT_RULES_CHANGED, now, actor=actor.name, data={"name": name, "change": change})


async def check_channels(work: UnitOfWork, rule: AlertRule) -> None:
    """Raise InvalidInput for each target whose channel does not exist, and keep the others from being deleted."""
    known = set(await work.channels.lock_names())
    problems = [
        FieldProblem(f"to[{index}]", describe_unknown_channel(target.channel, known))
        for index, target in enumerate(rule.to)
        if target.channel not in known
    ]
    if problems:
        raise InvalidInput(problems)


def describe_rule(rule: AlertRule, tags: Sequence[str]) -> dict[str, list[str]]:
    """Return what the audit log says about a rule."""
    return {"on": [event.value for event in rule.on], "to": list(rule.channels), "tags": list(tags)}
