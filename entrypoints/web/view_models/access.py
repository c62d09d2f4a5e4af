"""Tokens and the audit log as pages print them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from application.queries.views import PipelineView
from domain.accounts import ApiToken
from domain.audit import Deed, Entry
from domain.definition import Kind
from entrypoints.web.view_models.words import Moment, moment, short_json

_DEEDS = {
    Deed.SIGNED_IN: "signed in",
    Deed.SIGN_IN_FAILED: "failed to sign in",
    Deed.SIGNED_OUT: "signed out",
    Deed.TRIGGERED: "triggered",
    Deed.CANCELLED: "cancelled",
    Deed.RETRIED: "retried",
    Deed.SKIPPED: "skipped a stage",
    Deed.STAGE_CANCELLED: "cancelled a stage",
    Deed.APPROVED: "approved",
    Deed.REJECTED: "rejected",
    Deed.PIPELINE_CREATED: "created a pipeline",
    Deed.PIPELINE_CHANGED: "changed a pipeline",
    Deed.TOKEN_CREATED: "made a token",
    Deed.TOKEN_REVOKED: "revoked a token",
    Deed.ACCOUNT_CREATED: "made an account",
    Deed.ACCOUNT_CHANGED: "changed an account",
    Deed.PASSWORD_CHANGED: "changed a password",
}


@dataclass(frozen=True, slots=True)
class TokenLine:
    id: int
    name: str
    hint: str
    good_for: str
    pipeline: str
    state: str
    is_good: bool
    created: Moment | None
    created_by: str
    used: str

    @classmethod
    def of(cls, token: ApiToken, pipeline: str | None, now: datetime) -> Self:
        state = "good"
        if token.revoked_at is not None:
            state = "revoked"
        elif token.expires_at is not None:
            state = f"until {token.expires_at:%-d %b %Y}" if token.is_good(now) else "expired"
        return cls(
            token.id,
            token.name,
            token.hint,
            ", ".join(token.scopes),
            pipeline or "",
            state,
            token.is_good(now),
            moment(token.created_at),
            token.created_by or "",
            f"{token.used_on:%-d %b %Y}" if token.used_on else "never",
        )


@dataclass(frozen=True, slots=True)
class EntryLine:
    id: int
    at: Moment | None
    who: str
    way: str
    address: str
    did: str
    thing: str
    href: str
    details: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        kind, _, name = entry.thing.partition(" ")
        href = {"run": f"/ui/runs/{name}", "pipeline": f"/ui/pipelines/{name}", "token": f"/ui/tokens/{name}"}.get(kind, "")
        told = " · ".join(f"{key} {short_json(value, 80)}" for key, value in entry.details.items())
        return cls(
            entry.id,
            moment(entry.at),
            entry.who or "somebody",
            entry.way or "",
            entry.address or "",
            did(entry.deed),
            entry.thing,
            href,
            told,
        )


def did(deed: Deed) -> str:
    return _DEEDS[deed]


@dataclass(frozen=True, slots=True)
class Snippet:
    title: str
    text: str


def onboarding(text: str, token: ApiToken, pipeline: PipelineView | None, origin: str) -> Sequence[Snippet]:
    """What to copy onto the machine that reports, ready to run; for another token, how it is sent."""
    header = f"-H 'Authorization: Bearer {text}'"
    if pipeline is None:
        return [
            Snippet("Send it", f"curl -fsS {header} {origin}/pipelines/"),
            Snippet("In the terminal", f"export HEADGATE_API_TOKEN={text}"),
        ]
    external = [stage.name for stage in pipeline.definition.stages if stage.kind is Kind.EXTERNAL]
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
