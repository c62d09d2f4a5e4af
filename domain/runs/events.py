"""Events of a run. They are numbered 1, 2, 3… without gaps."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.runs.status import Status
from domain.value_object import value_object


class EventType(StrEnum):
    """The type of an event; also the `event:` field of a server-sent event."""

    RUN_OPENED = "run.opened"
    RUN_MOVED = "run.moved"
    RUN_REOPENED = "run.reopened"
    RUN_LIMITED = "run.limited"
    """The run began to wait for slots."""
    RUN_GRANTED = "run.granted"
    """The run got its slots."""
    STAGE_GRANTED = "stage.granted"
    CANCEL_REQUESTED = "run.cancel_requested"
    VERDICT_GIVEN = "run.verdict"
    STAGE_MOVED = "stage.moved"
    STAGE_PROGRESS = "stage.progress"
    STAGE_RETRIED = "stage.retried"
    STAGE_CANCEL_REQUESTED = "stage.cancel_requested"
    STAGE_DECIDED = "stage.decided"
    STAGE_REMINDED = "stage.reminded"
    REPORT_LATE = "report.late"
    REPORT_REFUSED = "report.refused"
    DISPATCH_REQUESTED = "dispatch.requested"
    DISPATCH_CLAIMED = "dispatch.claimed"
    DISPATCH_ENDED = "dispatch.ended"
    DISPATCH_LOST = "dispatch.lost"
    DISPATCH_CLOSED = "dispatch.closed"
    PREFECT_NOTED = "prefect.noted"


@value_object
class Event:
    """One event. `at` is in UTC, `actor` is the person, worker or reporter that caused it, `data` are further details by type."""

    seq: int
    type: EventType
    at: datetime
    actor: str | None = None
    stage: str | None = None
    attempt: int | None = None
    status: Status | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
