"""Reads channels with their deliveries, silences and site rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, text

from adapters.persistence.connection.bulk_parameters import filter_key_range, is_storable_id, to_row
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.readers.deliveries import DELIVERIES, to_delivery_view
from adapters.persistence.repositories.alert_rules import to_site_rule
from adapters.persistence.repositories.channels import bind_uses, build_uses
from adapters.persistence.tables.channels import channel, silence, site_alert_rule
from adapters.persistence.tables.deliveries import IS_SCHEDULED, delivery
from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline
from application.queries.views.alerts import AlertRuleView, ChannelView, DeliveryView, SilenceView
from domain.alerts.channel import ChannelKind

_SHOWN = (
    "id",
    "name",
    "summary",
    "created_at",
    "created_by",
    "fallback",
    "drill",
    "disabled_at",
    "disabled_reason",
    "proved_at",
    "proved_seconds",
)
_SILENCE = ("id", "pipeline_id", "pipeline", "tag", "starts_at", "ends_at", "reason", "created_by", "created_at", "ended_at", "ended_by")


def _count(condition: str) -> ColumnElement[int]:
    of_channel = select(func.count()).select_from(delivery).where(delivery.c.channel_id == channel.c.id, text(f"delivery.{condition}"))
    return of_channel.correlate(channel).scalar_subquery()


_CHANNELS = (
    select(
        *(channel.c[name] for name in (*_SHOWN, "kind")),
        _count(IS_SCHEDULED).label("waiting"),
        _count("state = 'dead'").label("dead"),
    )
    .where(channel.c.deleted_at.is_(None))
    .order_by(channel.c.name)
)
_SILENCES = (
    select(*silence.c, pipeline.c.name.label("pipeline"))
    .outerjoin(pipeline, pipeline.c.id == silence.c.pipeline_id)
    .where(or_(silence.c.pipeline_id.is_(None), NOT_DELETED))
    .order_by(silence.c.id.desc())
)


class AlertSettingsReader:
    """Reads within one transaction."""

    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def channels(self, name: str | None = None) -> list[ChannelView]:
        rows = await self._fetch(_CHANNELS if name is None else _CHANNELS.where(channel.c.name == name))
        if not rows:
            return []
        uses = build_uses(await self._transaction.fetch_batch(*bind_uses([row.name for row in rows])))
        return [
            ChannelView(**to_row(row, _SHOWN), kind=ChannelKind(row.kind), waiting=row.waiting, dead=row.dead, used_by=uses[row.name])
            for row in rows
        ]

    async def deliveries(self, name: str, limit: int, before: int | None) -> list[DeliveryView]:
        this = select(channel.c.id).where(channel.c.name == name, channel.c.deleted_at.is_(None)).scalar_subquery()
        query = DELIVERIES.where(delivery.c.channel_id == this).order_by(delivery.c.id.desc()).limit(limit)
        bound = None if before is None else min(before, 2**63 - 1)
        return [to_delivery_view(row) for row in await self._fetch(filter_key_range(query, delivery.c.id, None, bound))]

    async def silences(self, now: datetime, include_ended: bool, limit: int, before: int | None) -> list[SilenceView]:
        query = filter_key_range(_SILENCES, silence.c.id, None, None if before is None else min(before, 2**63 - 1)).limit(limit)
        if not include_ended:
            query = query.where(silence.c.ends_at > now)
        return [_to_silence_view(row) for row in await self._fetch(query)]

    async def silence(self, silence_id: int) -> SilenceView | None:
        if not is_storable_id(silence_id):
            return None
        rows = await self._fetch(_SILENCES.where(silence.c.id == silence_id))
        return _to_silence_view(rows[0]) if rows else None

    async def rules(self, name: str | None = None) -> list[AlertRuleView]:
        query = select(site_alert_rule).order_by(site_alert_rule.c.name)
        rows = await self._fetch(query if name is None else query.where(site_alert_rule.c.name == name))
        return [_to_rule_view(row) for row in rows]

    async def _fetch(self, query: Select[Any]) -> list[Any]:
        return list((await self._transaction.execute(query)).all())


def _to_silence_view(row: Any) -> SilenceView:
    return SilenceView(**to_row(row, _SILENCE))


def _to_rule_view(row: Any) -> AlertRuleView:
    rule = to_site_rule(row)
    return AlertRuleView(rule.id, row.name, rule.rule, rule.tags, row.created_at, row.created_by)
