"""Builders of incidents, messages, deliveries, channels and rules, and what stores them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from application.ports.persistence.alert_rules import NewSiteRule
from application.ports.persistence.deliveries import StoredMessage
from application.ports.persistence.unit_of_work import OpenUnitOfWork
from domain.alerts.channel import Channel, ChannelKind
from domain.alerts.delivery import Delivery
from domain.alerts.incident import Incident, IncidentKind
from domain.alerts.message import MessageKind
from domain.alerts.rule import AlertEvent, AlertRule, RuleTarget, SiteRule
from domain.alerts.silence import Silence
from tests.support.builders import NOW, an_hour_later


def a_channel(name: str = "team", **fields: Any) -> Channel:
    """Return a channel that is not stored yet."""
    return Channel(
        **{"id": 0, "name": name, "kind": ChannelKind.WEBHOOK, "settings": b"\x00secret", "summary": "hooks.example.org/…"}
        | {"created_at": NOW, "created_by": "ada"}
        | fields
    )


def an_incident(pipeline_id: int | None = 1, **fields: Any) -> Incident:
    """Return an incident that is not stored yet: of a pipeline, or of the channel that `channel_id` names."""
    kind = IncidentKind.PIPELINE if pipeline_id is not None else IncidentKind.CHANNEL
    default = {"rule_key": "critical", "event": AlertEvent.FAILED, "last_seen_at": NOW, "summary": "failed at a: ValueError"}
    return Incident(**{"id": 0, "kind": kind, "opened_at": NOW, "pipeline_id": pipeline_id} | default | fields)


def a_rule(name: str = "critical", *channels: str) -> AlertRule:
    return AlertRule((AlertEvent.FAILED,), tuple(RuleTarget(channel) for channel in channels or ("team",)), name)


def a_silence(**fields: Any) -> Silence:
    default = {"id": 0, "pipeline_id": None, "tag": None, "starts_at": NOW, "ends_at": an_hour_later(), "reason": "move to new disks"}
    return Silence(**default | {"created_by": "ada", "created_at": NOW} | fields)


async def add_channel(open_work: OpenUnitOfWork, name: str = "team", **fields: Any) -> Channel:
    """Store a channel."""
    async with open_work() as work:
        channel = await work.channels.add(a_channel(name, **fields))
        await work.commit()
        return channel


async def add_incident(open_work: OpenUnitOfWork, pipeline_id: int | None = 1, **fields: Any) -> Incident:
    """Store an incident."""
    async with open_work() as work:
        (incident,) = await work.incidents.add([an_incident(pipeline_id, **fields)])
        await work.commit()
        return incident


async def add_site_rule(open_work: OpenUnitOfWork, name: str = "critical", *channels: str, tags: Sequence[str] = ()) -> SiteRule:
    """Store a site rule."""
    async with open_work() as work:
        rule = await work.alert_rules.add(NewSiteRule(a_rule(name, *channels), tuple(tags), NOW, "ada"))
        await work.commit()
        return rule


async def add_silence(open_work: OpenUnitOfWork, **fields: Any) -> Silence:
    """Store a silence."""
    async with open_work() as work:
        silence = await work.silences.add(a_silence(**fields))
        await work.commit()
        return silence


async def add_delivery(
    open_work: OpenUnitOfWork,
    channel: Channel,
    message_id: str = "msg-1",
    *,
    kind: MessageKind = MessageKind.OPENED,
    incident: Incident | None = None,
    due_at: datetime = NOW,
    at: datetime = NOW,
    **fields: Any,
) -> Delivery:
    """Store a delivery, and its message if it is new."""
    incident_id, pipeline_id = (incident.id, incident.pipeline_id) if incident else (None, None)
    async with open_work() as work:
        if not await work.deliveries.find_messages([message_id]):
            content = {"subject": f"about {message_id}"}
            await work.deliveries.add_messages([StoredMessage(message_id, kind, content, at, incident_id, pipeline_id)])
        (delivery,) = await work.deliveries.add([Delivery(0, message_id, incident_id, channel.id, due_at, **fields)])
        await work.commit()
        return delivery


async def save_delivery(open_work: OpenUnitOfWork, delivery: Delivery) -> bool:
    """Store the progress of a delivery. Return False if it was over."""
    async with open_work() as work:
        saved = await work.deliveries.save([delivery])
        await work.commit()
        return delivery.id in saved


async def save_incident(open_work: OpenUnitOfWork, incident: Incident) -> None:
    """Store changes of an incident."""
    async with open_work() as work:
        await work.incidents.lock([incident.id])
        await work.incidents.save([incident])
        await work.commit()
