"""Stores channels and what refers to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Text, any_, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from adapters.persistence.connection.bulk_parameters import is_any_of, is_storable_id, to_row
from adapters.persistence.connection.clock import NOW
from adapters.persistence.connection.compiled_statements import BoundStatement, CompiledStatement
from adapters.persistence.connection.sql_transaction import SqlTransaction
from adapters.persistence.tables.channels import channel, channel_use, site_alert_rule
from adapters.persistence.tables.pipelines import NOT_DELETED, pipeline
from domain.alerts.channel import Channel, ChannelKind
from domain.alerts.channel_uses import ChannelUses
from domain.errors import Conflict

_IS_KEPT = channel.c.deleted_at.is_(None)
_CHANGES = ("settings", "summary", "fallback", "drill", "disabled_at", "disabled_reason", "proved_at", "proved_seconds")
_SAME = ("id", "name", "created_at", "created_by", *_CHANGES)
_NAME = bindparam("name", type_=Text)
_CHANNELS = select(channel).where(_IS_KEPT)
_FIND = CompiledStatement(_CHANNELS.where(channel.c.name == _NAME))
_FIND_BY_IDS = CompiledStatement(_CHANNELS.where(is_any_of(channel.c.id, "ids")))
_LOCK = CompiledStatement(_CHANNELS.where(channel.c.name == _NAME).with_for_update())
_LOCK_BY_ID = CompiledStatement(_CHANNELS.where(is_any_of(channel.c.id, "ids")).with_for_update())
_LIST = CompiledStatement(_CHANNELS.order_by(channel.c.name))
_LOCK_NAMES = CompiledStatement(select(channel.c.name).where(_IS_KEPT).order_by(channel.c.id).with_for_update(read=True, key_share=True))
USES = (
    CompiledStatement(
        select(pipeline.c.name, channel_use.c.channel)
        .join(channel_use, channel_use.c.pipeline_id == pipeline.c.id)
        .where(NOT_DELETED, channel_use.c.channel == any_(bindparam("names", type_=site_alert_rule.c.channels.type)))
        .order_by(pipeline.c.name)
    ),
    CompiledStatement(
        select(site_alert_rule.c.name, site_alert_rule.c.channels)
        .where(site_alert_rule.c.channels.overlap(bindparam("names", type_=site_alert_rule.c.channels.type)))
        .order_by(site_alert_rule.c.name)
    ),
    CompiledStatement(
        select(channel.c.name, channel.c.fallback)
        .where(_IS_KEPT, channel.c.fallback == any_(bindparam("names", type_=site_alert_rule.c.channels.type)))
        .order_by(channel.c.name)
    ),
)
"""What refers to channels: pipelines, site rules and other channels."""


class SqlChannels:
    def __init__(self, transaction: SqlTransaction) -> None:
        self._transaction = transaction

    async def add(self, channel_: Channel) -> Channel:
        values = {"kind": channel_.kind.value, **to_row(channel_, [name for name in _SAME if name != "id"])}
        new = upsert(channel).values(values).on_conflict_do_nothing().returning(channel.c.id)
        row = (await self._transaction.execute(new)).one_or_none()
        if row is None:
            raise Conflict("channel_exists", f"A channel is already named {channel_.name}.", {"channel": channel_.name})
        return replace(channel_, id=row.id)

    async def save(self, channel_: Channel) -> None:
        values = {"kind": channel_.kind.value, **to_row(channel_, _CHANGES)}
        await self._transaction.execute(update(channel).where(channel.c.id == channel_.id).values(values))

    async def delete(self, channel_id: int) -> None:
        values = {"settings": b"", "deleted_at": NOW}
        await self._transaction.execute(update(channel).where(channel.c.id == channel_id).values(values))

    async def find(self, name: str) -> Channel | None:
        return await self._fetch_one(_FIND, name=name)

    async def lock(self, name: str) -> Channel | None:
        return await self._fetch_one(_LOCK, name=name)

    async def lock_by_id(self, channel_id: int) -> Channel | None:
        return await self._fetch_one(_LOCK_BY_ID, ids=[channel_id]) if is_storable_id(channel_id) else None

    async def find_by_ids(self, channel_ids: Collection[int]) -> Mapping[int, Channel]:
        if not channel_ids:
            return {}
        (rows,) = await self._transaction.fetch_batch((_FIND_BY_IDS, {"ids": list(channel_ids)}))
        return {row.id: to_channel(row) for row in rows}

    async def list_all(self) -> Sequence[Channel]:
        (rows,) = await self._transaction.fetch_batch((_LIST, {}))
        return [to_channel(row) for row in rows]

    async def lock_names(self) -> Sequence[str]:
        (rows,) = await self._transaction.fetch_batch((_LOCK_NAMES, {}))
        return sorted(row.name for row in rows)

    async def set_uses(self, pipeline_id: int, names: Collection[str]) -> None:
        await self._transaction.execute(delete(channel_use).where(channel_use.c.pipeline_id == pipeline_id))
        if rows := [{"pipeline_id": pipeline_id, "channel": name} for name in sorted(set(names))]:
            await self._transaction.execute(insert(channel_use).values(rows))

    async def find_uses(self, name: str) -> ChannelUses:
        results = await self._transaction.fetch_batch(*bind_uses([name]))
        return build_uses(results)[name]

    async def _fetch_one(self, statement: CompiledStatement, **values: Any) -> Channel | None:
        (rows,) = await self._transaction.fetch_batch((statement, values))
        return to_channel(rows[0]) if rows else None


def to_channel(row: Any) -> Channel:
    """Return the channel of a row with all columns of the table."""
    return Channel(**{name: getattr(row, name) for name in _SAME}, kind=ChannelKind(row.kind))


def bind_uses(names: Collection[str]) -> list[BoundStatement]:
    """Return the statements that read what refers to these channels."""
    return [(statement, {"names": list(names)}) for statement in USES]


class _Uses(dict[str, ChannelUses]):
    def __missing__(self, name: str) -> ChannelUses:
        return ChannelUses()


def build_uses(results: Sequence[Sequence[Any]]) -> Mapping[str, ChannelUses]:
    """Return what refers to each channel, from the rows of `bind_uses`. A channel without any has empty uses."""
    found = _Uses()
    pipelines, rules, channels = results
    for name, used in pipelines:
        found[used] = replace(found[used], pipelines=(*found[used].pipelines, name))
    for name, all_used in rules:
        for used in all_used:
            found[used] = replace(found[used], rules=(*found[used].rules, name))
    for name, used in channels:
        found[used] = replace(found[used], channels=(*found[used].channels, name))
    return found
