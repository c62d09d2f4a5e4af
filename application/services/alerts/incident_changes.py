"""Collects what one transaction changes in incidents, and stores it with few statements."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from application.ports.persistence.unit_of_work import UnitOfWork
from domain.alerts.incident import Incident
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.message import MessageKind, Transition
from domain.site_events import SiteEvent, SiteEventType


@dataclass(slots=True, eq=False)
class ChangedIncident:
    """An incident as it is after the changes so far. Its id is 0 until it is stored."""

    incident: Incident
    entries: list[IncidentEntry] = field(default_factory=list)

    def change(self, incident: Incident, kind: IncidentEntryKind, at: datetime, data: Mapping[str, Any]) -> None:
        """Note a change. Of repetitions without another change between them, the first and the last are kept."""
        self.incident = incident
        if [entry.kind for entry in self.entries[-2:]] == [kind, kind] and kind is IncidentEntryKind.REPEATED:
            self.entries.pop()
        self.entries.append(IncidentEntry(incident.id, at, kind, data=data))


class IncidentChanges:
    """The changed incidents of a transaction, and the changes that call for messages, in their order."""

    def __init__(self) -> None:
        self._changed: list[ChangedIncident] = []
        self._transitions: list[tuple[ChangedIncident | None, Transition]] = []

    @property
    def entries(self) -> list[IncidentEntry]:
        return [entry for changed in self._changed for entry in changed.entries]

    def track(self, incident: Incident) -> ChangedIncident:
        """Return a new or a locked incident, to note changes of it."""
        changed = ChangedIncident(incident)
        self._changed.append(changed)
        return changed

    def announce(self, changed: ChangedIncident | None, transition: Transition) -> None:
        """Note a change that calls for messages; a notice has no incident."""
        self._transitions.append((changed, transition))

    async def store(self, work: UnitOfWork, now: datetime) -> list[Transition]:
        """Store the incidents, their timelines and the events of their changes. Return the transitions, with the ids of the incidents."""
        used = [changed for changed in self._changed if changed.entries]
        new = [changed for changed in used if not changed.incident.id]
        # A new incident may have the key of one that is resolved here.
        await work.incidents.save([changed.incident for changed in used if changed not in new])
        for changed, stored in zip(new, await work.incidents.add([changed.incident for changed in new]), strict=True):
            changed.incident = stored
        entries = [replace(entry, incident_id=changed.incident.id) for changed in used for entry in changed.entries]
        await work.incidents.add_entries(entries)
        await work.site_events.add([_create_event(changed, now) for changed in used])
        return [_with_id(changed, transition) for changed, transition in self._transitions]


def _create_event(changed: ChangedIncident, now: datetime) -> SiteEvent:
    incident = changed.incident
    data = {"id": incident.id, "state": incident.state.value, "change": changed.entries[-1].kind.value}
    return SiteEvent(SiteEventType.INCIDENT_CHANGED, now, incident.pipeline_id, data=data)


def _with_id(changed: ChangedIncident | None, transition: Transition) -> Transition:
    if changed is None or transition.incident is None:
        return transition
    return replace(transition, incident=replace(transition.incident, id=changed.incident.id))


def get_message_kind(opens: bool, is_unstable: bool) -> MessageKind:
    """Return the kind of the message about an incident that opens or becomes unstable."""
    return MessageKind.OPENED if opens and not is_unstable else MessageKind.UNSTABLE
