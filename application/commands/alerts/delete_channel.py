"""Delete a channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from application.commands.alerts.create_channel import build_channel_event
from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.alerts.channel_uses import ChannelUses
from domain.errors import Conflict, NotFound
from domain.name_lists import format_names

COUNTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class DeleteChannel:
    """Delete a channel and its settings. Past deliveries keep its name.

    Raises NotFound; Conflict `channel_in_use` if a rule or another channel refers to it, or if deliveries wait for it.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, name: str, actor: Actor = ANONYMOUS_ACTOR) -> None:
        async with self.open_unit_of_work() as work:
            channel = await work.channels.lock(name)
            if channel is None:
                raise NotFound("channel", name)
            uses = await work.channels.find_uses(name)
            waiting = await work.deliveries.list_waiting(channel.id, COUNTED)
            if uses or waiting:
                raise _describe_uses(name, uses, len(waiting))
            now = self.clock.now()
            await work.channels.delete(channel.id)
            await work.audit.add([create_audit_entry(actor, AuditAction.CHANNEL_DELETED, f"channel {name}", now)])
            await work.site_events.add([build_channel_event(name, "deleted", actor, now)])
            await work.commit()
        self.wakeups.notify_committed()


def _describe_uses(name: str, uses: ChannelUses, waiting: int) -> Conflict:
    named = [("pipeline", uses.pipelines), ("alert rule", uses.rules), ("channel", uses.channels)]
    parts = [_list_names(kind, names) for kind, names in named if names]
    sentence = f"The channel {name} is used by {' and '.join(parts)}" if parts else ""
    if waiting:
        count = f"{waiting:,}{' or more' if waiting == COUNTED else ''} {'delivery waits' if waiting == 1 else 'deliveries wait'} for"
        sentence += f", and {count} it" if parts else f"{count} the channel {name}"
    facts = {"pipelines": list(uses.pipelines), "rules": list(uses.rules), "channels": list(uses.channels), "waiting": waiting}
    return Conflict("channel_in_use", f"{sentence}.", facts)


def _list_names(kind: str, names: Sequence[str]) -> str:
    """Return such as `the pipelines a and b`, with the first few names."""
    return f"the {kind}{'s' if len(names) > 1 else ''} {format_names(names)}"
