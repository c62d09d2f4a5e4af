"""Tokens, and the commands that use them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.views.pipelines import PipelineView
from domain.access.api_tokens import ApiToken
from domain.pipelines.definition import StageKind
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp


@dataclass(frozen=True, slots=True)
class TokenItem:
    """A token. `hint` is its last characters; `pipeline` is empty unless it is limited to one."""

    id: int
    name: str
    hint: str
    scopes: str
    pipeline: str
    state: str
    is_valid: bool
    created: Timestamp | None
    created_by: str
    last_used: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text to copy."""

    title: str
    text: str


def build_token_item(token: ApiToken, pipeline: str | None, now: datetime) -> TokenItem:
    """Return a token's row. `pipeline` is the name of the pipeline that it is limited to."""
    state = "active"
    if token.revoked_at is not None:
        state = "revoked"
    elif token.expires_at is not None:
        state = f"until {token.expires_at:%-d %b %Y}" if token.is_valid(now) else "expired"
    return TokenItem(
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


def build_token_snippets(text: str, token: ApiToken, pipeline: PipelineView | None, origin: str) -> Sequence[Snippet]:
    """Return commands that use a token: reports for a token of one pipeline, otherwise a request and an environment variable."""
    header = f"-H 'Authorization: Bearer {text}'"
    if pipeline is None:
        return [
            Snippet("In a request", f"curl -fsS {header} {origin}/pipelines/"),
            Snippet("In the terminal", f"export HEADGATE_API_TOKEN={text}"),
        ]
    external = [stage.name for stage in pipeline.definition.stages if stage.kind is StageKind.EXTERNAL]
    stage = external[0] if external else pipeline.definition.stages[-1].name
    url, body = f"{origin}/status-update/", json.dumps({"stage_name": stage, "status": "completed"})
    shell_body = json.dumps(json.dumps({"stage_name": stage, "status": "$S"}))
    line = f"curl -fsS {url} {header} --json '{body}'"
    cron = f"0 2 * * *  /usr/local/bin/backup && S=completed || S=failed; curl -fsS {url} {header} --json {shell_body}"
    script = (
        f'test "$SERVICE_RESULT" = success && S=completed || S=failed; '
        f'curl -fsS {url} -H "Authorization: Bearer {text}" --json {shell_body}'
    )
    unit = f"[Service]\nType=oneshot\nExecStart=/usr/local/bin/backup\nExecStopPost=/bin/sh -c '{_escape_for_systemd(script)}'"
    return [Snippet("One line", line), Snippet("In a crontab", cron), Snippet("In a systemd unit", unit)]


def _escape_for_systemd(script: str) -> str:
    """Double backslashes, because systemd removes one even within quotes."""
    return script.replace("\\", "\\\\")
