"""Read model of a run event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.runs.events import EventType
from domain.runs.status import Status


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
