"""Channels in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from domain.alerts.channel import Channel
from domain.alerts.channel_uses import ChannelUses
from domain.errors import Conflict
from tests.fakes.persistence import values
from tests.fakes.persistence.store import ChannelRow, Tables
from tests.fakes.persistence.transaction import Transaction


class FakeChannels:
    """`lock_names` locks all channels as a whole, which is stricter than PostgreSQL."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def add(self, channel: Channel) -> Channel:
        tx = await self._transaction.begin_statement()
        await tx.lock("channel name", channel.name)
        if self._find(channel.name) is not None:
            raise Conflict("channel_exists", f"A channel is already named {channel.name}.", {"channel": channel.name})
        added = replace(_check(channel), id=tx.store.next_id("channel"))
        await tx.lock("channel", added.id)
        tx.channels[added.id] = ChannelRow(added)
        return added

    async def save(self, channel: Channel) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("channel", channel.id)
        row = tx.channels[channel.id].channel
        kept = {name: getattr(row, name) for name in ("name", "created_at", "created_by")}
        tx.channels[channel.id] = ChannelRow(replace(_check(channel), **kept))

    async def delete(self, channel_id: int) -> None:
        tx = await self._transaction.begin_statement()
        tx.require_lock("channel", channel_id)
        tx.channels[channel_id] = ChannelRow(replace(tx.channels[channel_id].channel, settings=b""), tx.store.clock.now())

    async def find(self, name: str) -> Channel | None:
        await self._transaction.begin_statement()
        return self._find(name)

    async def lock(self, name: str) -> Channel | None:
        tx = await self._transaction.begin_statement()
        if (found := self._find(name)) is not None:
            await tx.lock("channel", found.id)
        return self._find(name)

    async def lock_by_id(self, channel_id: int) -> Channel | None:
        tx = await self._transaction.begin_statement()
        if channel_id in tx.channels:
            await tx.lock("channel", channel_id)
        return next((channel for channel in self._list() if channel.id == channel_id), None)

    async def find_by_ids(self, channel_ids: Collection[int]) -> Mapping[int, Channel]:
        await self._transaction.begin_statement()
        return {channel.id: channel for channel in self._list() if channel.id in channel_ids}

    async def list_all(self) -> Sequence[Channel]:
        await self._transaction.begin_statement()
        return self._list()

    async def lock_names(self) -> Sequence[str]:
        tx = await self._transaction.begin_statement()
        for channel in sorted(self._list(), key=lambda each: each.id):
            await tx.lock("channel", channel.id)
        return [channel.name for channel in self._list()]

    async def set_uses(self, pipeline_id: int, names: Collection[str]) -> None:
        tx = await self._transaction.begin_statement()
        for key in [key for key in tx.channel_uses if key[0] == pipeline_id]:
            del tx.channel_uses[key]
        for name in names:
            tx.channel_uses[pipeline_id, str(values.text(name))] = name

    async def find_uses(self, name: str) -> ChannelUses:
        tx = await self._transaction.begin_statement()
        return get_channel_uses(tx, name)

    def _find(self, name: str) -> Channel | None:
        return next((channel for channel in self._list() if channel.name == name), None)

    def _list(self) -> list[Channel]:
        rows = self._transaction.channels.values()
        return sorted((row.channel for row in rows if row.deleted_at is None), key=lambda channel: channel.name)


def get_channel_uses(tables: Transaction | Tables, name: str) -> ChannelUses:
    """Return what refers to a channel."""
    users = [tables.pipelines[pipeline_id] for pipeline_id, used in tables.channel_uses if used == name]
    return ChannelUses(
        tuple(sorted(row.name for row in users if row.deleting_at is None)),
        tuple(sorted(str(row.rule.rule.name) for row in tables.site_rules.values() if name in row.rule.rule.channels)),
        tuple(sorted(row.channel.name for row in tables.channels.values() if row.channel.fallback == name and row.deleted_at is None)),
    )


def _check(channel: Channel) -> Channel:
    for text in (channel.summary, channel.disabled_reason, channel.created_by, channel.fallback):
        values.text(text)
    for at in (channel.created_at, channel.disabled_at, channel.proved_at):
        values.moment(at)
    return channel
