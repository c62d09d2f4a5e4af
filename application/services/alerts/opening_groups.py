"""Finds out which new incidents share one message, because many of them open at a time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from application.ports.persistence.unit_of_work import UnitOfWork
from domain.alerts.incident import Incident
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.message import MessageKind

GROUP_AFTER: Final = 5
"""Incidents with one cause that get messages of their own within GROUP_WINDOW."""
STORM_AFTER: Final = 30
"""Incidents with different causes that do."""
GROUP_WINDOW: Final = timedelta(seconds=30)
_JOIN_MARGIN: Final = timedelta(seconds=2)
"""A group takes no more incidents so long before its message is sent, so that the message counts all of them."""
ANY_CAUSE: Final = None


@dataclass(slots=True)
class OpeningGroup:
    """Incidents that the message about the first one, `first_id`, reports together.

    `channel_ids` get the message at `due_at`, `escalated_ids` get the escalations. `message_id` is None until a channel gets it.
    """

    first_id: int
    due_at: datetime
    message_id: str | None = None
    channel_ids: set[int] = field(default_factory=set)
    escalated_ids: set[int] = field(default_factory=set)


class OpeningGroups:
    """The groups that the incidents of one transaction join or form. All these incidents are stored already."""

    def __init__(self, work: UnitOfWork, openings: Sequence[Incident], now: datetime) -> None:
        self._work = work
        self._now = now
        self._openings = openings
        self._earlier: dict[str | None, int] = {}
        self._seen: Counter[str | None] = Counter()
        self._groups: dict[str | None, OpeningGroup] = {}
        self._members: dict[int, int] = {}

    def get_group_id(self, incident: Incident) -> int | None:
        return self._members.get(incident.id, incident.group_id)

    async def find_group(self, incident: Incident) -> OpeningGroup | None:
        """Return the group that the incident joins, a new one without a message if it is the first; None if it is reported alone."""
        if await self._count(ANY_CAUSE) > STORM_AFTER:
            cause = ANY_CAUSE
        elif incident.cause and await self._count(incident.cause) > GROUP_AFTER:
            cause = incident.cause
        else:
            return None
        if cause not in self._groups:
            others = self._groups.values() if cause is ANY_CAUSE else ()
            self._groups[cause] = next(iter(others), None) or await self._find_open_group(cause) or self.start_group(incident)
        self._members[incident.id] = self._groups[cause].first_id
        return self._groups[cause]

    def start_group(self, incident: Incident) -> OpeningGroup:
        """Return a group with one incident. Its message is due at the end of the window."""
        return OpeningGroup(incident.id, self._now + GROUP_WINDOW)

    async def store(self) -> None:
        """Store the members of the groups. Incidents that were resolved in the same transaction keep that."""
        if not self._members:
            return
        locked = await self._work.incidents.lock(self._members)
        await self._work.incidents.save([replace(each, group_id=self._members[each.id]) for each in locked.values()])
        entries = [
            IncidentEntry(id, self._now, IncidentEntryKind.GROUPED, data={"group_id": group_id}) for id, group_id in self._members.items()
        ]
        await self._work.incidents.add_entries(entries)

    async def _count(self, cause: str | None) -> int:
        """Return how many incidents opened within the window, up to the one that is examined now."""
        if cause not in self._earlier:
            stored = await self._work.incidents.count_recent_openings(cause, self._now - GROUP_WINDOW)
            own = sum(each.opened_at >= self._now - GROUP_WINDOW for each in self._openings if cause in (ANY_CAUSE, each.cause))
            self._earlier[cause] = max(0, stored - own)
        self._seen[cause] += 1
        return self._earlier[cause] + self._seen[cause]

    async def _find_open_group(self, cause: str | None) -> OpeningGroup | None:
        """Return the last group whose message waits for more incidents."""
        first_id = await self._work.incidents.find_recent_group(cause, self._now - GROUP_WINDOW)
        if first_id is None:
            return None
        found = await self._work.deliveries.list_of_incidents([first_id])
        grouped = [delivery for kind, delivery in found if kind is MessageKind.GROUPED]
        if not grouped:
            return None
        message_id = grouped[0].message_id
        message = (await self._work.deliveries.find_messages([message_id]))[message_id]
        if self._now >= message.at + GROUP_WINDOW - _JOIN_MARGIN:
            return None
        escalated = {delivery.channel_id for kind, delivery in found if kind is MessageKind.ESCALATED}
        due_at = message.at + GROUP_WINDOW
        return OpeningGroup(first_id, due_at, message_id, {each.channel_id for each in grouped}, escalated)
