"""The timeline of an incident."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class IncidentEntryKind(StrEnum):
    """What an entry of an incident's timeline records."""

    OPENED = "opened"
    REPEATED = "repeated"
    """The timeline keeps the first repetition and the last one."""
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
    UNSTABLE = "unstable"
    STABLE = "stable"
    GROUPED = "grouped"


@dataclass(frozen=True, slots=True)
class IncidentEntry:
    """An entry of an incident's timeline. `actor` is the person that caused it, `data` are details in JSON, such as `run_id`."""

    incident_id: int
    at: datetime
    kind: IncidentEntryKind
    actor: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
