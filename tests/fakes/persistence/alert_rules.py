"""Site rules in memory."""

from collections.abc import Sequence
from dataclasses import replace

from application.ports.persistence.alert_rules import NewSiteRule
from domain.alerts.rule import AlertRule, SiteRule
from domain.errors import Conflict
from tests.fakes.persistence import values
from tests.fakes.persistence.store import SiteRuleRow
from tests.fakes.persistence.transaction import Transaction


class FakeAlertRules:
    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, new: NewSiteRule) -> SiteRule:
        tx = await self._transaction.begin_statement()
        await self._check_name(new.rule)
        rule = SiteRule(tx.store.next_id("site_alert_rule"), new.rule, new.tags)
        await tx.lock("site rule", rule.id)
        tx.site_rules[rule.id] = SiteRuleRow(rule, new.created_at, values.text(new.created_by))
        return rule

    async def save(self, rule: SiteRule) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("site rule", rule.id)
        await self._check_name(rule.rule, rule.id)
        tx.site_rules[rule.id] = replace(tx.site_rules[rule.id], rule=rule)

    async def delete(self, rule_id: int) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("site rule", rule_id)
        del tx.site_rules[rule_id]

    async def lock(self, name: str) -> SiteRule | None:
        tx = await self._transaction.begin_statement()
        if (found := self._find(name)) is not None:
            await tx.lock("site rule", found.id)
        return self._find(name)

    async def list_all(self) -> Sequence[SiteRule]:
        tx = await self._transaction.begin_statement()
        return sorted((row.rule for row in tx.site_rules.values()), key=lambda rule: str(rule.rule.name))

    async def list_pipelines(self) -> Sequence[int]:
        tx = await self._transaction.begin_statement()
        rows = [row for _, row in sorted(tx.pipelines.items()) if row.deleting_at is None and row.activation.archived_at is None]
        return [row.id for row in rows if any(user == row.id for user, _ in tx.channel_uses)]

    async def has_any(self) -> bool:
        tx = await self._transaction.begin_statement()
        return bool(tx.site_rules or tx.channel_uses)

    async def _check_name(self, rule: AlertRule, rule_id: int | None = None) -> None:
        await self._transaction.lock("site rule name", rule.name)
        found = self._find(str(values.text(rule.name)))
        if found is not None and found.id != rule_id:
            raise Conflict("alert_rule_exists", f"An alert rule is already named {rule.name}.", {"rule": rule.name})

    def _find(self, name: str) -> SiteRule | None:
        return next((row.rule for row in self._transaction.site_rules.values() if row.rule.rule.name == name), None)
