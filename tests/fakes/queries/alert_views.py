"""The read models of alerts, from the fake store."""

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime

from application.queries.views.alerts import (
    AlertRuleView,
    ChannelView,
    DeliveryView,
    IncidentDetailView,
    IncidentEntryView,
    IncidentView,
    OpenIncidentsView,
    SilenceView,
)
from domain.alerts.channel import Channel
from domain.alerts.delivery import Delivery, DeliveryState
from domain.alerts.incident import Incident, IncidentState
from tests.fakes.persistence.channels import get_channel_uses
from tests.fakes.persistence.store import SilenceRow, Tables

MAX_DETAILS = 200
_CHANNEL = (
    "id",
    "name",
    "kind",
    "summary",
    "created_at",
    "created_by",
    "fallback",
    "drill",
    "disabled_at",
    "disabled_reason",
    "proved_at",
    "proved_seconds",
)
_INCIDENT = sorted({field.name for field in fields(Incident)} & {field.name for field in fields(IncidentView)})


def list_incidents(tables: Tables, states: Collection[IncidentState] = ()) -> list[IncidentView]:
    """Return incidents, newest first, without those of pipelines that are deleted."""
    rows = [row for _, row in sorted(tables.incidents.items(), reverse=True)]
    kept = [row for row in rows if row.pipeline_id is None or _is_kept(tables, row.pipeline_id)]
    return [_to_incident_view(tables, row) for row in kept if not states or row.state in states]


def find_incident(tables: Tables, incident_id: int) -> IncidentDetailView | None:
    """Return the incident with its timeline and its deliveries."""
    view = next((view for view in list_incidents(tables) if view.id == incident_id), None)
    if view is None:
        return None
    entries = [entry for _, entry in sorted(tables.incident_entries.items()) if entry.incident_id == incident_id]
    timeline = [IncidentEntryView(entry.at, entry.kind, entry.actor, entry.data) for entry in entries]
    deliveries = [_to_delivery_view(tables, row) for _, row in sorted(tables.deliveries.items()) if row.incident_id == incident_id]
    return IncidentDetailView(view, timeline[:MAX_DETAILS], deliveries[:MAX_DETAILS])


def get_open_incidents(tables: Tables, limit: int, now: datetime) -> OpenIncidentsView:
    """Return what needs attention at this time."""
    unresolved = [view for view in list_incidents(tables) if view.state is not IncidentState.RESOLVED]
    kept = {row.channel.name for row in tables.channels.values() if row.deleted_at is None}
    broken = sorted(view.channel for view in unresolved if view.channel in kept)
    is_open = [
        view for view in unresolved if view.state is IncidentState.OPEN or (view.snoozed_until is not None and view.snoozed_until <= now)
    ]
    return OpenIncidentsView(len(is_open), is_open[:limit], broken)


def list_run_incidents(tables: Tables, run_id: int) -> list[IncidentView]:
    """Return the incidents that lasted when the run ran, newest first."""
    run = tables.runs.get(run_id)
    views = [view for view in list_incidents(tables) if run is not None and view.pipeline_id == run.pipeline_id]
    return [view for view in views if view.first_run_id is not None and view.first_run_id <= run_id <= (view.last_run_id or 0)]


def list_channels(tables: Tables) -> list[ChannelView]:
    """Return the channels by name."""
    rows = sorted((row.channel for row in tables.channels.values() if row.deleted_at is None), key=lambda row: row.name)
    return [_to_channel_view(tables, row) for row in rows]


def list_deliveries(tables: Tables, channel: str) -> list[DeliveryView]:
    """Return the deliveries of a channel, newest first."""
    ids = {row.channel.id for row in tables.channels.values() if row.channel.name == channel and row.deleted_at is None}
    return [_to_delivery_view(tables, row) for _, row in sorted(tables.deliveries.items(), reverse=True) if row.channel_id in ids]


def list_silences(tables: Tables, now: datetime, *, include_ended: bool) -> list[SilenceView]:
    """Return silences, newest first."""
    rows = [row for _, row in sorted(tables.silences.items(), reverse=True) if include_ended or row.silence.ends_at > now]
    kept = [row for row in rows if row.silence.pipeline_id is None or _is_kept(tables, row.silence.pipeline_id)]
    return [_to_silence_view(tables, row) for row in kept]


def list_alert_rules(tables: Tables) -> list[AlertRuleView]:
    """Return the site rules by name."""
    rows = sorted(tables.site_rules.values(), key=lambda row: str(row.rule.rule.name))
    return [
        AlertRuleView(row.rule.id, str(row.rule.rule.name), row.rule.rule, row.rule.tags, row.created_at, row.created_by) for row in rows
    ]


def _to_incident_view(tables: Tables, row: Incident) -> IncidentView:
    numbers = [tables.runs[id].number if id in tables.runs else None for id in (row.first_run_id, row.last_run_id)]
    return IncidentView(
        pipeline=tables.pipelines[row.pipeline_id].name if row.pipeline_id is not None else None,
        channel=tables.channels[row.channel_id].channel.name if row.channel_id is not None else None,
        rule=row.rule_key,
        first_run_number=numbers[0],
        last_run_number=numbers[1],
        **{name: getattr(row, name) for name in _INCIDENT},
    )


def _to_delivery_view(tables: Tables, row: Delivery) -> DeliveryView:
    message = tables.alert_messages[row.message_id]
    subject = str(message.content.get("subject", ""))
    channel = tables.channels[row.channel_id].channel.name
    result = row.state, row.due_at, row.tries, row.last_error, row.sent_at, row.held_by
    return DeliveryView(row.id, row.incident_id, message.kind, subject, channel, *result)


def _to_channel_view(tables: Tables, row: Channel) -> ChannelView:
    states = [delivery.state for delivery in tables.deliveries.values() if delivery.channel_id == row.id]
    return ChannelView(
        **{name: getattr(row, name) for name in _CHANNEL},
        waiting=states.count(DeliveryState.SCHEDULED),
        dead=states.count(DeliveryState.DEAD),
        used_by=get_channel_uses(tables, row.name),
    )


def _to_silence_view(tables: Tables, row: SilenceRow) -> SilenceView:
    silence = row.silence
    pipeline = tables.pipelines[silence.pipeline_id].name if silence.pipeline_id is not None else None
    shared = {name: getattr(silence, name) for name in ("tag", "starts_at", "ends_at", "reason", "created_by", "created_at")}
    return SilenceView(silence.id, silence.pipeline_id, pipeline, **shared, ended_at=row.ended_at, ended_by=row.ended_by)


def _is_kept(tables: Tables, pipeline_id: int) -> bool:
    return pipeline_id in tables.pipelines and tables.pipelines[pipeline_id].deleting_at is None
