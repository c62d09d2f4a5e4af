"""Tokens, and the commands that use them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.queries.views.pipelines import PipelineView
from domain.access.api_tokens import ApiToken, TokenKind
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp
from entrypoints.web.view_models.report_commands import build_crontab_line, build_report_line, build_systemd_unit, find_stage_to_report


@dataclass(frozen=True, slots=True)
class TokenItem:
    """A token. `hint` is its last characters; `pipeline` is empty unless it is limited to one; `pipelines` is for the table."""

    id: int
    name: str
    hint: str
    scopes: str
    pipeline: str
    pipelines: str
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
        ", ".join(token.scopes) or token.kind.value,
        pipeline or "",
        pipeline or ("–" if token.kind is TokenKind.WORKER else "every"),
        state,
        token.is_valid(now),
        format_timestamp(token.created_at),
        token.created_by or "",
        f"{token.used_on:%-d %b %Y}" if token.used_on else "never",
    )


def build_token_snippets(text: str, token: ApiToken, pipeline: PipelineView | None, origin: str) -> Sequence[Snippet]:
    """Return commands that use a token: the start of a worker, reports about one pipeline, or a request and an environment variable."""
    if token.kind is TokenKind.WORKER:
        return [Snippet("On the worker's machine", f"export HEADGATE_URL={origin}\nexport HEADGATE_WORKER_TOKEN={text}\nheadgate worker")]
    header = f"-H 'Authorization: Bearer {text}'"
    if pipeline is None:
        return [
            Snippet("In a request", f"curl -fsS {header} {origin}/pipelines/"),
            Snippet("In the terminal", f"export HEADGATE_API_TOKEN={text}"),
        ]
    stage = find_stage_to_report(pipeline.definition) or pipeline.definition.stages[0]
    url = f"{origin}/status-update/"
    return [
        Snippet("One line", build_report_line(url, text, stage.name)),
        Snippet("In a crontab", build_crontab_line(url, text, stage.name)),
        Snippet("In a systemd unit", build_systemd_unit(url, text, stage.name)),
    ]
