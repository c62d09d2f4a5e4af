"""Read model of a run event."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.runs.events import EventType
from domain.runs.status import Status


@dataclass(frozen=True, slots=True)
class EventView:
    """A fact of a run's log; `pipeline_id` saves a reader a look-up."""

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
