"""Set the limit of a group."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from application.ports.dispatch.wakeups import Wakeups
from application.ports.persistence.unit_of_work import OpenUnitOfWork, UnitOfWork
from application.ports.system.clock import Clock
from domain.access.actor import ANONYMOUS_ACTOR, Actor
from domain.access.audit import AuditAction, create_audit_entry
from domain.concurrency.group import Group
from domain.concurrency.parsing import MAX_LIMIT, is_group_name
from domain.errors import InvalidInput, NotFound
from domain.site_events import SiteEvent, SiteEventType

SOMEONE: Final = "an admin"
"""The name that is stored for a caller without sign-in."""


@dataclass(frozen=True, slots=True)
class SetGroupLimit:
    """Set the limit of a group, so that definitions may not give it any more; None gives it back to the definitions.

    A group that no pipeline uses yet can have a limit. Lowering a limit ends no run, and raising it starts runs that wait.
    Raises InvalidInput; NotFound for None and an unknown group.
    """

    open_unit_of_work: OpenUnitOfWork
    clock: Clock
    wakeups: Wakeups

    async def __call__(self, name: str, limit: int | None, actor: Actor = ANONYMOUS_ACTOR) -> None:
        if not is_group_name(name):
            raise NotFound("group", name)
        if limit is not None and not 1 <= limit <= MAX_LIMIT:
            raise InvalidInput.for_field("limit", f"must be a whole number from 1 to {MAX_LIMIT}, or null")
        async with self.open_unit_of_work() as work:
            group = (await work.concurrency.lock_groups()).get(name)
            if group is None and limit is None:
                raise NotFound("group", name)
            set_by = None if limit is None else actor.name or SOMEONE
            now = self.clock.now()
            await _store(work, group or Group(name, None), limit, set_by, actor, now)
            await work.commit()
        self.wakeups.notify_committed()
        self.wakeups.notify_slots_changed()


async def _store(work: UnitOfWork, group: Group, limit: int | None, set_by: str | None, actor: Actor, now: datetime) -> None:
    new_limit = _get_defined_limit(group) if limit is None else limit
    await work.concurrency.set_group_limit(group.name, new_limit, set_by, now)
    details = {"limit": new_limit, "before": group.limit, "by_definitions": True if limit is None else None}
    await work.audit.add([create_audit_entry(actor, AuditAction.GROUP_LIMIT_SET, f"group {group.name}", now, **details)])
    data = {"name": group.name, "limit": new_limit}
    await work.site_events.add([SiteEvent(SiteEventType.GROUP_CHANGED, now, actor=actor.name, data=data)])


def _get_defined_limit(group: Group) -> int | None:
    """Return the limit that definitions give the group; None if no pipeline uses it, which removes it."""
    giver = group.find_giver()
    if giver is None and group.users:
        raise InvalidInput.for_field("limit", f"must be a number: no definition sets a limit for the group {group.name}")
    return giver.use.limit if giver is not None else None
