"""Create a channel."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from application.ports.delivery.channel_settings import ChannelSettings
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.idempotency import IdempotencyKey
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.alerts.channel import Channel, ChannelKind, describe_unknown_channel, parse_channel_name
from domain.errors import InvalidInput
from domain.site_events import SiteEvent, SiteEventType

SOMEONE: Final = "an admin"
"""The name that is stored for a caller without sign-in."""


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel to create. `settings` are those of its kind, in plain text."""

    name: str
    kind: ChannelKind
    settings: Mapping[str, Any]
    fallback: str | None = None
    drill: bool = False


@dataclass(frozen=True, slots=True)
class CreatedChannel:
    """A created channel. `secret` is the secret that was generated for a webhook; it is not stored in plain text and is shown only now."""

    name: str
    secret: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class CreateChannel:
    """Store a channel with encrypted settings. A repeated request with the same key gets the answer without the secret.

    Raises InvalidInput with every invalid setting, and for an unknown fallback; Conflict `channel_exists`; IdempotencyKeyReused.
    """

    open_unit_of_work: OpenUnitOfWork
    channel_settings: ChannelSettings
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, new: NewChannel, actor: Actor = ANONYMOUS_ACTOR, key: IdempotencyKey | None = None) -> CreatedChannel:
        name = parse_channel_name(new.name)
        checked = self.channel_settings.check(new.kind, new.settings, None)
        async with self.open_unit_of_work() as work:
            if key and (stored := await work.idempotency.find(key, self.clock.now())) is not None:
                return CreatedChannel(stored["name"], replayed=True)
            await lock_with_fallback(work, name, new.fallback)
            await check_fallback(work, name, new.fallback)
            now = self.clock.now()
            channel = Channel(0, name, new.kind, checked.encrypted, checked.summary, now, actor.name or SOMEONE, new.fallback, new.drill)
            await work.channels.add(channel)
            details = {"kind": new.kind.value, "fallback": new.fallback, "drill": new.drill or None}
            await work.audit.add([create_audit_entry(actor, AuditAction.CHANNEL_CREATED, f"channel {name}", now, **details)])
            await work.site_events.add([build_channel_event(name, "created", actor, now)])
            if key:
                await work.idempotency.add(key, {"name": name})
            await work.commit()
        self.wakeups.notify_committed()
        return CreatedChannel(name, checked.generated_secret)


def build_channel_event(name: str, change: str, actor: Actor, now: datetime) -> SiteEvent:
    """Return the event of a channel that was created, changed or deleted."""
    return SiteEvent(SiteEventType.CHANNEL_CHANGED, now, actor=actor.name, data={"name": name, "change": change})


async def lock_with_fallback(work: UnitOfWork, name: str, fallback: str | None) -> Mapping[str, Channel]:
    """Lock a channel and its fallback, as far as they exist, in the order of their ids, so that no two transactions wait for each other."""
    ids = sorted(channel.id for channel in await work.channels.list_all() if channel.name in (name, fallback))
    locked = [await work.channels.lock_by_id(channel_id) for channel_id in ids]
    return {channel.name: channel for channel in locked if channel is not None}


async def check_fallback(work: UnitOfWork, name: str, fallback: str | None) -> None:
    """Raise InvalidInput unless the locked fallback is another channel whose own fallbacks do not lead back to this one."""
    if fallback is None:
        return
    channels = {channel.name: channel for channel in await work.channels.list_all()}
    if fallback not in channels:
        raise InvalidInput.for_field("fallback", describe_unknown_channel(fallback, channels))
    if name in _list_fallbacks(channels, fallback):
        raise InvalidInput.for_field("fallback", "must not form a loop back to the channel")


def _list_fallbacks(channels: Mapping[str, Channel], first: str) -> set[str]:
    """Return a channel, its fallback, the fallback of that one, and so on."""
    found: set[str] = set()
    following: str | None = first
    while following is not None and following in channels and following not in found:
        found.add(following)
        following = channels[following].fallback
    return found
