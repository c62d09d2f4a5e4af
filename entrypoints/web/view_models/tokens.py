"""Tokens and the audit log as pages print them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from application.queries.views.pipelines import PipelineView
from domain.access.api_tokens import ApiToken
from domain.access.audit import AuditAction, AuditEntry
from domain.pipelines.definition import StageKind
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp, shorten_json

_DEEDS = {
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
    AuditAction.TOKEN_CREATED: "made a token",
    AuditAction.TOKEN_REVOKED: "revoked a token",
    AuditAction.ACCOUNT_CREATED: "made an account",
    AuditAction.ACCOUNT_CHANGED: "changed an account",
    AuditAction.PASSWORD_CHANGED: "changed a password",
}


@dataclass(frozen=True, slots=True)
class TokenItem:
    id: int
    name: str
    hint: str
    good_for: str
    pipeline: str
    state: str
    is_valid: bool
    created: Timestamp | None
    created_by: str
    used: str

    @classmethod
    def of(cls, token: ApiToken, pipeline: str | None, now: datetime) -> Self:
        state = "good"
        if token.revoked_at is not None:
            state = "revoked"
        elif token.expires_at is not None:
            state = f"until {token.expires_at:%-d %b %Y}" if token.is_valid(now) else "expired"
        return cls(
            token.id,
            token.name,
            token.hint,
            ", ".join(token.scopes),
            pipeline or "",
            state,
            token.is_valid(now),
            format_timestamp(token.created_at),
            token.created_by or "",
            f"{token.used_on:%-d %b %Y}" if token.used_on else "never",
        )


@dataclass(frozen=True, slots=True)
class AuditEntryItem:
    id: int
    at: Timestamp | None
    who: str
    way: str
    address: str
    describe_action: str
    thing: str
    href: str
    details: str

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        kind, _, name = entry.subject.partition(" ")
        href = {"run": f"/ui/runs/{name}", "pipeline": f"/ui/pipelines/{name}", "token": f"/ui/tokens/{name}"}.get(kind, "")
        told = " · ".join(f"{key} {shorten_json(value, 80)}" for key, value in entry.details.items())
        return cls(
            entry.id,
            format_timestamp(entry.at),
            entry.actor or "somebody",
            entry.auth_method or "",
            entry.address or "",
            describe_action(entry.action),
            entry.subject,
            href,
            told,
        )


def describe_action(deed: AuditAction) -> str:
    return _DEEDS[deed]


@dataclass(frozen=True, slots=True)
class Snippet:
    title: str
    text: str


def build_reporter_snippets(text: str, token: ApiToken, pipeline: PipelineView | None, origin: str) -> Sequence[Snippet]:
    """What to copy onto the machine that reports, ready to run; for another token, how it is sent."""
    header = f"-H 'Authorization: Bearer {text}'"
    if pipeline is None:
        return [
            Snippet("Send it", f"curl -fsS {header} {origin}/pipelines/"),
            Snippet("In the terminal", f"export HEADGATE_API_TOKEN={text}"),
        ]
    external = [stage.name for stage in pipeline.definition.stages if stage.kind is StageKind.EXTERNAL]
    stage = external[0] if external else pipeline.definition.stages[-1].name
    url, body = f"{origin}/status-update/", json.dumps({"stage_name": stage, "status": "completed"})
    told = json.dumps(json.dumps({"stage_name": stage, "status": "$S"}))
    line = f"curl -fsS {url} {header} --json '{body}'"
    cron = f"0 2 * * *  /usr/local/bin/backup && S=completed || S=failed; curl -fsS {url} {header} --json {told}"
    script = f'test "$SERVICE_RESULT" = success && S=completed || S=failed; curl -fsS {url} -H "Authorization: Bearer {text}" --json {told}'
    unit = f"[Service]\nType=oneshot\nExecStart=/usr/local/bin/backup\nExecStopPost=/bin/sh -c '{_for_systemd(script)}'"
    return [Snippet("One line", line), Snippet("In a crontab", cron), Snippet("In a systemd unit", unit)]


def _for_systemd(script: str) -> str:
    """It takes a backslash away, within quotes too."""
    return script.replace("\\", "\\\\")
