"""Read models of events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.runs.events import EventType
from domain.runs.status import Status
from domain.site_events import SiteEventType


@dataclass(frozen=True, slots=True)
class EventView:
    """An event of a run. `pipeline_id` saves readers a query."""

    run_id: int
    pipeline_id: int
    seq: int
    type: EventType
    at: datetime
    stage: str | None
    attempt: int | None
    status: Status | None
    actor: str | None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SiteEventView:
    """An event that belongs to no run: of a pipeline or a schedule. Ids rise in the order of writing, with gaps."""

    id: int
    type: SiteEventType
    at: datetime
    pipeline_id: int | None
    actor: str | None
    data: Mapping[str, Any] = field(default_factory=dict)
