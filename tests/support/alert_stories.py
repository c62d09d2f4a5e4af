"""Channels, incidents and silences written to the store as alerts would have left them."""

from datetime import datetime, timedelta
from typing import Any

from application.ports.persistence.alert_rules import NewSiteRule
from application.ports.persistence.deliveries import StoredMessage
from application.ports.persistence.pipelines import StoredPipeline
from domain.alerts.channel import Channel, ChannelKind
from domain.alerts.delivery import Delivery
from domain.alerts.incident import Incident, IncidentKind
from domain.alerts.incident_entry import IncidentEntry, IncidentEntryKind
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent, AlertRule, RuleTarget, SiteRule
from domain.alerts.silence import Silence
from domain.site_events import SiteEvent, SiteEventType
from tests.fakes import FakeAdapters

SUMMARY = "failed at fact-orders: UniqueViolation"


class AlertStories:
    """Writes alerts through the store's unit of work and announces them."""

    def __init__(self, fakes: FakeAdapters) -> None:
        self._fakes = fakes

    @property
    def now(self) -> datetime:
        return self._fakes.clock.now()

    async def add_channel(self, name: str = "team", kind: ChannelKind = ChannelKind.WEBHOOK, **fields: Any) -> Channel:
        summary = fields.pop("summary", "hooks.example.org/…")
        channel = Channel(0, name, kind, b"encrypted", summary, self.now, "ada", **fields)
        async with self._fakes.open_unit_of_work() as work:
            stored = await work.channels.add(channel)
            await work.site_events.add([SiteEvent(SiteEventType.CHANNEL_CHANGED, self.now, data={"name": name})])
            await work.commit()
        await self._fakes.change_feed.announce()
        return stored

    async def add_rule(self, name: str, *channels: str, tags: tuple[str, ...] = (), **keys: Any) -> SiteRule:
        rule = AlertRule(keys.pop("on", (AlertEvent.FAILED,)), tuple(RuleTarget(each) for each in channels), name, **keys)
        async with self._fakes.open_unit_of_work() as work:
            stored = await work.alert_rules.add(NewSiteRule(rule, tags, self.now, "ada"))
            await work.commit()
        return stored

    async def open_incident(
        self, pipeline: StoredPipeline | int, run_id: int | None = None, summary: str = SUMMARY, ago: float = 0.0, **fields: Any
    ) -> Incident:
        """Open an incident of a pipeline, `ago` seconds before now."""
        at = self.now - timedelta(seconds=ago)
        keys = {
            "rule_key": f"oncall-{len(self._fakes.store.committed.incidents)}",
            "event": AlertEvent.FAILED,
            "last_seen_at": at,
            **fields,
        }
        return await self._open(
            Incident(0, IncidentKind.PIPELINE, at, summary, _get_id(pipeline), first_run_id=run_id, last_run_id=run_id, **keys)
        )

    async def break_channel(self, channel: Channel, summary: str = "answers 500") -> Incident:
        """Open the incident of a channel that does not deliver."""
        return await self._open(Incident(0, IncidentKind.CHANNEL, self.now, summary, channel_id=channel.id, last_seen_at=self.now))

    async def change(self, incident: Incident, changed: Incident, kind: IncidentEntryKind, actor: str | None = None) -> Incident:
        """Save a changed incident with the entry of its timeline."""
        async with self._fakes.open_unit_of_work() as work:
            await work.incidents.lock([incident.id])
            await work.incidents.save([changed])
            await work.incidents.add_entries([IncidentEntry(incident.id, self.now, kind, actor)])
            await work.site_events.add([_changed(changed, self.now)])
            await work.commit()
        await self._fakes.change_feed.announce()
        return changed

    async def deliver(self, incident: Incident | None, channel: Channel, *changes: Any, kind: MessageKind = MessageKind.OPENED) -> Delivery:
        """Add a delivery, and change it by each of the functions."""
        number = len(self._fakes.store.committed.alert_messages)
        incident_id = incident.id if incident else None
        pipeline_id = incident.pipeline_id if incident else None
        subject = f"nightly-warehouse#27 {incident.summary}" if incident else "Test message"
        message = StoredMessage(f"message-{number}", kind, {"subject": subject}, self.now, incident_id, pipeline_id)
        delivery = Delivery(0, message.id, incident_id, channel.id, self.now)
        for change in changes:
            delivery = change(delivery)
        async with self._fakes.open_unit_of_work() as work:
            await work.deliveries.add_messages([message])
            (stored,) = await work.deliveries.add([delivery])
            await work.commit()
        return stored

    async def silence(
        self,
        pipeline: StoredPipeline | int | None = None,
        tag: str | None = None,
        hours: float = 2,
        reason: str = "Upgrade",
        starts: float = 0,
    ) -> Silence:
        begin = self.now + timedelta(hours=starts)
        pipeline_id = None if pipeline is None else _get_id(pipeline)
        silence = Silence(0, pipeline_id, tag, begin, begin + timedelta(hours=hours), reason, "ada", self.now)
        async with self._fakes.open_unit_of_work() as work:
            stored = await work.silences.add(silence)
            await work.site_events.add([SiteEvent(SiteEventType.SILENCE_CHANGED, self.now, data={"id": stored.id})])
            await work.commit()
        await self._fakes.change_feed.announce()
        return stored

    async def _open(self, incident: Incident) -> Incident:
        async with self._fakes.open_unit_of_work() as work:
            (stored,) = await work.incidents.add([incident])
            data = {"run_id": incident.first_run_id} if incident.first_run_id else {}
            await work.incidents.add_entries([IncidentEntry(stored.id, incident.opened_at, IncidentEntryKind.OPENED, None, data)])
            await work.site_events.add([_changed(stored, self.now)])
            await work.commit()
        await self._fakes.change_feed.announce()
        return stored


def _get_id(pipeline: StoredPipeline | int) -> int:
    return pipeline if isinstance(pipeline, int) else pipeline.id


def _changed(incident: Incident, now: datetime) -> SiteEvent:
    data = {"id": incident.id, "state": incident.state.value, "change": "opened"}
    return SiteEvent(SiteEventType.INCIDENT_CHANGED, now, incident.pipeline_id, data=data)
