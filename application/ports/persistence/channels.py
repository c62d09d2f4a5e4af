"""Channels in the store, and what refers to them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from domain.alerts.channel import Channel
from domain.alerts.channel_uses import ChannelUses


class Channels(Protocol):
    """Channels, by names that are unique among those that are not deleted."""

    async def add(self, channel: Channel) -> Channel:
        """Store a new channel and return it with its id. Raise Conflict `channel_exists` if the name is taken."""
        ...

    async def save(self, channel: Channel) -> None:
        """Store changes of a locked channel. The name does not change."""
        ...

    async def delete(self, channel_id: int) -> None:
        """Delete a locked channel and its settings. Its name stays known in the lists of past deliveries."""
        ...

    async def find(self, name: str) -> Channel | None: ...

    async def lock(self, name: str) -> Channel | None:
        """Lock the channel until the transaction ends."""
        ...

    async def lock_by_id(self, channel_id: int) -> Channel | None:
        """Lock the channel until the transaction ends."""
        ...

    async def find_by_ids(self, channel_ids: Collection[int]) -> Mapping[int, Channel]: ...

    async def list_all(self) -> Sequence[Channel]:
        """Return all channels by name."""
        ...

    async def lock_names(self) -> Sequence[str]:
        """Return the names of all channels, and keep other transactions from deleting any until this one ends."""
        ...

    async def set_uses(self, pipeline_id: int, names: Collection[str]) -> None:
        """Store to which channels the rules of a pipeline send, in place of all that was stored."""
        ...

    async def find_uses(self, name: str) -> ChannelUses:
        """Return what refers to a channel. Pipelines that are marked as deleted do not count."""
        ...
