"""Change a channel."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from application.commands.alerts.create_channel import SOMEONE, build_channel_event, check_fallback, lock_with_fallback
from application.ports.delivery.channel_settings import ChannelSettings, CheckedSettings
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.alerts.channel import Channel, ChannelKind
from domain.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """The channel as it shall be. `settings` and `disabled` stay as they are if they are None; new settings enable a channel.

    `kind` is the channel's present kind, or None.
    """

    settings: Mapping[str, Any] | None = None
    fallback: str | None = None
    drill: bool = False
    disabled: bool | None = None
    kind: ChannelKind | None = None


@dataclass(frozen=True, slots=True)
class ChangeChannel:
    """Change a channel and return the secret if one was generated for its new settings. Its waiting deliveries are tried at once.

    Raises NotFound; InvalidInput with every invalid setting, for another kind, and for an unknown fallback.
    """

    open_unit_of_work: OpenUnitOfWork
    channel_settings: ChannelSettings
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, name: str, change: ChannelChange, actor: Actor = ANONYMOUS_ACTOR) -> str | None:
        async with self.open_unit_of_work() as work:
            channel = (await lock_with_fallback(work, name, change.fallback)).get(name)
            if channel is None:
                raise NotFound("channel", name)
            checked = self._check(channel, change)
            await check_fallback(work, name, change.fallback)
            now = self.clock.now()
            changed = _apply(channel, change, checked, actor, now)
            if changed != channel:
                await work.channels.save(changed)
                if not changed.is_disabled:
                    await work.deliveries.release_channel(channel.id, now)
                details = {"settings": "changed" if checked else None, "fallback": change.fallback, "disabled": changed.is_disabled or None}
                await work.audit.add([create_audit_entry(actor, AuditAction.CHANNEL_CHANGED, f"channel {name}", now, **details)])
                await work.site_events.add([build_channel_event(name, "changed", actor, now)])
            await work.commit()
        self.wakeups.notify_committed()
        self.wakeups.notify_deliveries_changed()
        return checked.generated_secret if checked else None

    def _check(self, channel: Channel, change: ChannelChange) -> CheckedSettings | None:
        """Return the new settings, encrypted; None if they stay. Raises InvalidInput."""
        if change.kind not in (None, channel.kind):
            raise InvalidInput.for_field("kind", f"cannot change from {channel.kind}: create a new channel and delete this one")
        if change.settings is None:
            return None
        return self.channel_settings.check(channel.kind, change.settings, channel)


def _apply(channel: Channel, change: ChannelChange, checked: CheckedSettings | None, actor: Actor, now: datetime) -> Channel:
    changed = replace(channel, fallback=change.fallback, drill=change.drill)
    if checked is not None:
        changed = changed.change_settings(channel.kind, checked.encrypted, checked.summary)
    if change.disabled is None:
        return changed
    return changed.disable(f"Disabled by {actor.name or SOMEONE}", now) if change.disabled else changed.enable()
