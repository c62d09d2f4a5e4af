"""Entries of the audit log."""

from dataclasses import dataclass

from domain.access.audit import AuditAction, AuditEntry
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp, shorten_json

MAX_VALUE_LENGTH = 80
_PATHS = {
    "run": "/ui/runs/",
    "pipeline": "/ui/pipelines/",
    "token": "/ui/tokens/",
    "group": "/ui/groups/",
    "backfill": "/ui/backfills/",
    "incident": "/ui/incidents/",
    "channel": "/ui/channels/",
    "alert rule": "/ui/alert-rules/",
}
_ACTIONS = {
    AuditAction.SIGNED_IN: "signed in",
    AuditAction.SIGN_IN_FAILED: "failed to sign in",
    AuditAction.SIGNED_OUT: "signed out",
    AuditAction.TRIGGERED: "triggered",
    AuditAction.CANCELLED: "cancelled",
    AuditAction.RETRIED: "retried",
    AuditAction.SKIPPED: "skipped a stage",
    AuditAction.STAGE_CANCELLED: "cancelled a stage",
    AuditAction.APPROVED: "approved",
    AuditAction.REJECTED: "rejected",
    AuditAction.PIPELINE_CREATED: "created a pipeline",
    AuditAction.PIPELINE_CHANGED: "changed a pipeline",
    AuditAction.PIPELINE_PAUSED: "paused a pipeline",
    AuditAction.PIPELINE_RESUMED: "resumed a pipeline",
    AuditAction.PIPELINE_ARCHIVED: "archived a pipeline",
    AuditAction.PIPELINE_UNARCHIVED: "unarchived a pipeline",
    AuditAction.PIPELINE_DELETED: "deleted a pipeline",
    AuditAction.SCHEDULE_PAUSED: "paused a schedule",
    AuditAction.SCHEDULE_RESUMED: "resumed a schedule",
    AuditAction.STARTED_OVER_LIMIT: "started over a limit",
    AuditAction.GROUP_LIMIT_SET: "set a group’s limit",
    AuditAction.BACKFILL_STARTED: "started a backfill",
    AuditAction.BACKFILL_PAUSED: "paused a backfill",
    AuditAction.BACKFILL_RESUMED: "resumed a backfill",
    AuditAction.BACKFILL_CANCELLED: "cancelled a backfill",
    AuditAction.INCIDENT_ACKNOWLEDGED: "acknowledged an incident",
    AuditAction.INCIDENT_SNOOZED: "snoozed an incident",
    AuditAction.INCIDENT_RESOLVED: "resolved an incident",
    AuditAction.SILENCE_CREATED: "created a silence",
    AuditAction.SILENCE_ENDED: "ended a silence",
    AuditAction.CHANNEL_CREATED: "created a channel",
    AuditAction.CHANNEL_CHANGED: "changed a channel",
    AuditAction.CHANNEL_DELETED: "deleted a channel",
    AuditAction.CHANNEL_TESTED: "tested a channel",
    AuditAction.ALERT_RULE_CREATED: "created an alert rule",
    AuditAction.ALERT_RULE_CHANGED: "changed an alert rule",
    AuditAction.ALERT_RULE_DELETED: "deleted an alert rule",
    AuditAction.TOKEN_CREATED: "created a token",
    AuditAction.TOKEN_REVOKED: "revoked a token",
    AuditAction.WORKER_REGISTERED: "registered a worker",
    AuditAction.ACCOUNT_CREATED: "created an account",
    AuditAction.ACCOUNT_CHANGED: "changed an account",
    AuditAction.PASSWORD_CHANGED: "changed a password",
}


@dataclass(frozen=True, slots=True)
class AuditEntryItem:
    """A row of the audit log. `href` is empty if the subject has no page."""

    id: int
    at: Timestamp | None
    actor: str
    auth_method: str
    address: str
    action: str
    subject: str
    href: str
    details: str


def build_audit_item(entry: AuditEntry) -> AuditEntryItem:
    """Return the row for an entry."""
    kind, name = _split_subject(entry.subject)
    return AuditEntryItem(
        entry.id,
        format_timestamp(entry.at),
        entry.actor or "not signed in",
        entry.auth_method or "",
        entry.address or "",
        describe_action(entry.action),
        entry.subject,
        f"{_PATHS[kind]}{name}" if kind in _PATHS else "",
        " · ".join(f"{key} {shorten_json(value, MAX_VALUE_LENGTH)}" for key, value in entry.details.items()),
    )


def describe_action(action: AuditAction) -> str:
    """Return the action in the past tense."""
    return _ACTIONS[action]


def _split_subject(subject: str) -> tuple[str, str]:
    """Return the kind and the name of a subject such as "run 7" or "alert rule on-call"."""
    kind = next((kind for kind in _PATHS if subject.startswith(f"{kind} ")), subject.partition(" ")[0])
    return kind, subject[len(kind) + 1 :]
