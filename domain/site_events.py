"""Events of pipelines and schedules as a whole, which belong to no run."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.value_object import value_object


class SiteEventType(StrEnum):
    """The type of a site event; also the `event:` field of a server-sent event. It never equals the type of a run event."""

    TICK = "tick"
    PIPELINE_CHANGED = "pipeline.changed"
    """Created, revised or renamed."""
    PIPELINE_PAUSED = "pipeline.paused"
    PIPELINE_RESUMED = "pipeline.resumed"
    PIPELINE_ARCHIVED = "pipeline.archived"
    PIPELINE_UNARCHIVED = "pipeline.unarchived"
    PIPELINE_DELETED = "pipeline.deleted"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_RESUMED = "schedule.resumed"
    GROUP_CHANGED = "group.changed"
    """The limit of a group of slots changed."""
    BACKFILL_CHANGED = "backfill.changed"
    INCIDENT_CHANGED = "incident.changed"
    """Opened, repeated, acknowledged, snoozed or resolved."""
    CHANNEL_CHANGED = "channel.changed"
    """Created, changed, disabled or deleted."""
    ALERT_RULES_CHANGED = "alert_rules.changed"
    """A site-wide alert rule was created, changed or deleted."""
    SILENCE_CHANGED = "silence.changed"


@value_object
class SiteEvent:
    """One event. `at` is in UTC, `actor` is the person that caused it, `data` are further details by type, in JSON."""

    type: SiteEventType
    at: datetime
    pipeline_id: int | None = None
    actor: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
