"""Incidents: what broke, since when, and who takes care of it."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.alerts.rule import AlertEvent
from domain.errors import Conflict


class IncidentState(StrEnum):
    """The state of an incident."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    """It counts as open again after `snoozed_until`."""
    RESOLVED = "resolved"


class IncidentKind(StrEnum):
    """What an incident is about."""

    PIPELINE = "pipeline"
    CHANNEL = "channel"
    """Messages do not reach a channel."""


class Resolution(StrEnum):
    """Why an incident is resolved."""

    RECOVERED = "recovered"
    """A run completed."""
    RESOLVED = "resolved"
    """A person resolved it."""
    DECIDED = "decided"
    """Nothing waits for an approval any more."""
    RULE_REMOVED = "rule_removed"
    PIPELINE_ARCHIVED = "pipeline_archived"
    CHANNEL_WORKS = "channel_works"


UNRESOLVED: tuple[IncidentState, ...] = (IncidentState.OPEN, IncidentState.ACKNOWLEDGED, IncidentState.SNOOZED)


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident. At most one of the same pipeline, rule and concurrency key is unresolved.

    `concurrency_key` is empty, or a text such as `customer=acme`. `event` is what opened it; `cause` is `fingerprint:…`, `worker:NAME` or
    None, and the same for incidents that one fault explains. `repeats` counts the bad runs after the first. `summary` is one line.
    `group_id` is the incident whose message also reports this one.
    """

    id: int
    kind: IncidentKind
    opened_at: datetime
    summary: str
    pipeline_id: int | None = None
    channel_id: int | None = None
    rule_key: str = ""
    concurrency_key: str = ""
    event: AlertEvent | None = None
    cause: str | None = None
    state: IncidentState = IncidentState.OPEN
    first_run_id: int | None = None
    last_run_id: int | None = None
    repeats: int = 0
    last_seen_at: datetime | None = None
    unstable: bool = False
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: Resolution | None = None
    group_id: int | None = None

    @property
    def is_resolved(self) -> bool:
        return self.state is IncidentState.RESOLVED

    @property
    def is_first_of_group(self) -> bool:
        """True if its messages report the whole group."""
        return self.group_id == self.id

    def acknowledge(self, actor: str, now: datetime) -> "Incident":
        """Return it as acknowledged, or this object if it is acknowledged. Raises Conflict `incident_resolved`."""
        self._check_unresolved()
        if self.state is IncidentState.ACKNOWLEDGED:
            return self
        return self._enter(IncidentState.ACKNOWLEDGED, acknowledged_by=actor, acknowledged_at=now)

    def snooze(self, actor: str, until: datetime, now: datetime) -> "Incident":
        """Return it as one that needs no attention until an instant. Raises Conflict `incident_resolved`."""
        self._check_unresolved()
        return self._enter(IncidentState.SNOOZED, acknowledged_by=actor, acknowledged_at=now, snoozed_until=until)

    def resolve(self, resolution: Resolution, now: datetime, actor: str | None = None) -> "Incident":
        """Return it as resolved, by a person if `actor` is given. Raises Conflict `incident_resolved`."""
        self._check_unresolved()
        return self._enter(IncidentState.RESOLVED, resolution=resolution, resolved_at=now, resolved_by=actor)

    def repeat(self, run_id: int | None, now: datetime, summary: str) -> "Incident":
        """Return it after another bad run, or after its last run ended badly again. Raises Conflict `incident_resolved`."""
        self._check_unresolved()
        is_new = run_id is None or run_id != self.last_run_id
        return replace(self, repeats=self.repeats + is_new, last_run_id=run_id or self.last_run_id, last_seen_at=now, summary=summary)

    def mark_unstable(self) -> "Incident":
        """Return it as one whose runs fail and complete in turn. Raises Conflict `incident_resolved`."""
        self._check_unresolved()
        return replace(self, unstable=True)

    def _check_unresolved(self) -> None:
        if self.is_resolved:
            raise Conflict("incident_resolved", f"Incident {self.id} is resolved.", {"incident_id": self.id})

    def _enter(self, state: IncidentState, **fields: Any) -> "Incident":
        return replace(self, state=state, **({"snoozed_until": None} | fields))
