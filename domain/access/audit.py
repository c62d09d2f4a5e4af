"""Entries of the audit log: who did what, when and from where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.access.actor import Actor


class AuditAction(StrEnum):
    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGNED_OUT = "signed_out"
    TRIGGERED = "triggered"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    SKIPPED = "skipped"
    STAGE_CANCELLED = "stage_cancelled"
    APPROVED = "approved"
    REJECTED = "rejected"
    PIPELINE_CREATED = "pipeline_created"
    PIPELINE_CHANGED = "pipeline_changed"
    PIPELINE_PAUSED = "pipeline_paused"
    PIPELINE_RESUMED = "pipeline_resumed"
    PIPELINE_ARCHIVED = "pipeline_archived"
    PIPELINE_UNARCHIVED = "pipeline_unarchived"
    PIPELINE_DELETED = "pipeline_deleted"
    SCHEDULE_PAUSED = "schedule_paused"
    SCHEDULE_RESUMED = "schedule_resumed"
    STARTED_OVER_LIMIT = "started_over_limit"
    GROUP_LIMIT_SET = "group_limit_set"
    BACKFILL_STARTED = "backfill_started"
    BACKFILL_PAUSED = "backfill_paused"
    BACKFILL_RESUMED = "backfill_resumed"
    BACKFILL_CANCELLED = "backfill_cancelled"
    INCIDENT_ACKNOWLEDGED = "incident_acknowledged"
    INCIDENT_SNOOZED = "incident_snoozed"
    INCIDENT_RESOLVED = "incident_resolved"
    SILENCE_CREATED = "silence_created"
    SILENCE_ENDED = "silence_ended"
    CHANNEL_CREATED = "channel_created"
    CHANNEL_CHANGED = "channel_changed"
    CHANNEL_DELETED = "channel_deleted"
    CHANNEL_TESTED = "channel_tested"
    ALERT_RULE_CREATED = "alert_rule_created"
    ALERT_RULE_CHANGED = "alert_rule_changed"
    ALERT_RULE_DELETED = "alert_rule_deleted"
    TOKEN_CREATED = "token_created"
    TOKEN_REVOKED = "token_revoked"
    WORKER_REGISTERED = "worker_registered"
    """A worker token was used by a worker name for the first time."""
    ACCOUNT_CREATED = "account_created"
    ACCOUNT_CHANGED = "account_changed"
    PASSWORD_CHANGED = "password_changed"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry. `actor` is None if Headgate runs without sign-in. `subject` names what was changed, e.g. `run 7`."""

    at: datetime
    action: AuditAction
    actor: str | None
    auth_method: str | None
    address: str | None
    subject: str
    details: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


def create_audit_entry(actor: Actor, action: AuditAction, subject: str, now: datetime, **details: Any) -> AuditEntry:
    """Return an entry with the details that are not None."""
    known = {name: value for name, value in details.items() if value is not None}
    return AuditEntry(now, action, actor.name, actor.auth_method, actor.address, subject, known)
