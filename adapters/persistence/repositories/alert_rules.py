"""Stores site rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.compiled_statements import CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.channels import channel_use, site_alert_rule
from adapters.persistence.tables.pipelines import pipeline
from application.ports.persistence.alert_rules import NewSiteRule
from domain.alerts.parsing import restore_rule
from domain.alerts.rule import AlertRule, SiteRule
from domain.alerts.serialization import serialize_rule
from domain.errors import Conflict

_RULES = select(site_alert_rule)
_LIST = CompiledStatement(_RULES.order_by(site_alert_rule.c.name))
_LIST_PIPELINES = CompiledStatement(
    select(pipeline.c.id)
    .where(pipeline.c.id.in_(select(channel_use.c.pipeline_id)), pipeline.c.archived_at.is_(None), pipeline.c.deleting_at.is_(None))
    .order_by(pipeline.c.id)
)
_HAS_ANY = CompiledStatement(select(or_(exists(select(site_alert_rule.c.id)), exists(select(channel_use.c.channel))).label("has_any")))


class SqlAlertRules:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, new: NewSiteRule) -> SiteRule:
        values = {**_get_columns(new.rule, new.tags), "created_at": new.created_at, "created_by": new.created_by}
        statement = upsert(site_alert_rule).values(values).on_conflict_do_nothing().returning(site_alert_rule.c.id)
        row = (await self._transaction.execute(statement)).one_or_none()
        if row is None:
            raise _name_taken(new.rule)
        return SiteRule(row.id, new.rule, new.tags)

    async def save(self, rule: SiteRule) -> None:
        """Raise Conflict instead of a failed statement, unless another transaction takes the name at the same moment."""
        taken = select(site_alert_rule.c.id).where(site_alert_rule.c.name == rule.rule.name, site_alert_rule.c.id != rule.id)
        if (await self._transaction.execute(taken)).first() is not None:
            raise _name_taken(rule.rule)
        values = _get_columns(rule.rule, rule.tags)
        await self._transaction.execute(update(site_alert_rule).where(site_alert_rule.c.id == rule.id).values(values))

    async def delete(self, rule_id: int) -> None:
        await self._transaction.execute(delete(site_alert_rule).where(site_alert_rule.c.id == rule_id))

    async def lock(self, name: str) -> SiteRule | None:
        query = _RULES.where(site_alert_rule.c.name == name).with_for_update()
        row = (await self._transaction.execute(query)).one_or_none()
        return None if row is None else to_site_rule(row)

    async def list_all(self) -> Sequence[SiteRule]:
        (rows,) = await self._transaction.fetch_batch((_LIST, {}))
        return [to_site_rule(row) for row in rows]

    async def list_pipelines(self) -> Sequence[int]:
        (rows,) = await self._transaction.fetch_batch((_LIST_PIPELINES, {}))
        return [row.id for row in rows]

    async def has_any(self) -> bool:
        ((row,),) = await self._transaction.fetch_batch((_HAS_ANY, {}))
        return bool(row.has_any)


def to_site_rule(row: Any) -> SiteRule:
    return SiteRule(row.id, restore_rule(row.rule), tuple(row.tags))


def _get_columns(rule: AlertRule, tags: tuple[str, ...]) -> dict[str, Any]:
    return {"name": rule.name, "rule": serialize_rule(rule), "tags": list(tags), "channels": list(rule.channels)}


def _name_taken(rule: AlertRule) -> Conflict:
    return Conflict("alert_rule_exists", f"An alert rule is already named {rule.name}.", {"rule": rule.name})
