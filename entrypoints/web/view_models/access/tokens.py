"""Tokens, and the commands that use them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.ports.persistence.workers import TokenWorker
from application.queries.access.token_workers import describe_revocation
from application.queries.views.pipelines import PipelineView
from domain.access.api_tokens import ApiToken, TokenKind
from domain.name_lists import format_names
from entrypoints.web.view_models.formatting import Timestamp, format_timestamp, pluralize
from entrypoints.web.view_models.report_commands import build_crontab_line, build_report_line, build_systemd_unit, find_stage_to_report

WORKERS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class TokenWorkerItem:
    """A worker that has used a worker token."""

    name: str
    state: str
    address: str
    first_used: Timestamp | None
    last_used: Timestamp | None


@dataclass(frozen=True, slots=True)
class TokenItem:
    """A token. `hint` is its last characters; `pipeline` is empty unless it is limited to one; `pipelines` is for the table.

    `used_by` names the workers that are online with it, and `revocation` says which of them its revocation stops.
    """

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
    used_by: str
    revocation: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """A text to copy."""

    title: str
    text: str


def build_token_item(token: ApiToken, pipeline: str | None, workers: Sequence[TokenWorker], now: datetime) -> TokenItem:
    """Return a token's row. `pipeline` is the name of the pipeline that it is limited to, `workers` are those that have used it."""
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
        format_names([worker.name for worker in workers if worker.is_online]),
        describe_revocation(workers) if token.kind is TokenKind.WORKER and token.is_valid(now) else "",
    )


def build_token_worker_items(workers: Sequence[TokenWorker]) -> Sequence[TokenWorkerItem]:
    """Return the rows of the workers that registered last with a token."""
    return [
        TokenWorkerItem(
            worker.name,
            _describe_worker(worker),
            worker.address or "",
            format_timestamp(worker.first_used_at),
            format_timestamp(worker.used_at),
        )
        for worker in workers[:WORKERS_SHOWN]
    ]


def _describe_worker(worker: TokenWorker) -> str:
    if not worker.is_online:
        return "offline"
    return f"online, {pluralize(worker.running_stages, 'running stage')}" if worker.running_stages else "online"


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
