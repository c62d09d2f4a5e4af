"""A Headgate on fakes whose incidents are in its store."""

from __future__ import annotations

from typing import Any

from domain.alerts.channel import Channel, ChannelKind
from domain.alerts.delivery import Delivery
from domain.alerts.incident import Incident, IncidentKind
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.rule import AlertEvent
from domain.site_events import SiteEvent
from tests.support.in_process import InProcessHeadgate

SUMMARY = "failed at fact-orders: UniqueViolation"


class AlertingHeadgate(InProcessHeadgate):
    """Tests add incidents by hand, without runs that fail."""

    async def add_pipeline(self, name: str = "nightly", **keys: Any) -> int:
        """Create a pipeline with one stage and return its id."""
        created = await self.api.create_pipeline(name, {"name": "load", "command": ["true"]}, **keys)
        return int(created["id"])

    async def add_incident(self, pipeline_id: int | None = None, rule_key: str = "on-call", **fields: Any) -> int:
        """Store an open incident with the entry of its opening, and return its id."""
        now = self.fakes.clock.now()
        new: dict[str, Any] = {"event": AlertEvent.FAILED, "last_seen_at": now} | fields
        incident = Incident(0, IncidentKind.PIPELINE, now, SUMMARY, pipeline_id=pipeline_id, rule_key=rule_key, **new)
        async with self.fakes.open_unit_of_work() as work:
            (stored,) = await work.incidents.add([incident])
            await work.incidents.add_entries([IncidentEntry(stored.id, now, IncidentEntryKind.OPENED)])
            await work.commit()
        return stored.id

    async def add_channel(self, name: str, kind: ChannelKind = ChannelKind.WEBHOOK, **fields: Any) -> Channel:
        """Store a channel whose settings nothing can read."""
        channel = Channel(0, name, kind, b"encrypted", "chat.example.com/…", self.fakes.clock.now(), "ada", **fields)
        async with self.fakes.open_unit_of_work() as work:
            stored = await work.channels.add(channel)
            await work.commit()
        return stored

    def find_incident(self, incident_id: int) -> Incident:
        return self.fakes.store.committed.incidents[incident_id]

    def list_deliveries(self) -> list[Delivery]:
        return [delivery for _, delivery in sorted(self.fakes.store.committed.deliveries.items())]

    def list_audit(self) -> list[tuple[str, str]]:
        """Return the actions and subjects of the audit log, oldest first, without those of pipelines."""
        entries = [entry for _, entry in sorted(self.fakes.store.committed.audit.items())]
        return [(entry.action.value, entry.subject) for entry in entries if not entry.subject.startswith("pipeline ")]

    async def read_events(self, start: str) -> list[SiteEvent]:
        """Return the site events since a position of the feed."""
        return list((await self.fakes.change_feed.read(start)).site_events)
