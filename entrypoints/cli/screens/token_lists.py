"""Lists of tokens and of the workers that use them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from application.ports.persistence.workers import TokenWorker
from domain.access.api_tokens import ApiToken
from entrypoints.cli.screens.sanitizer import sanitize
from entrypoints.cli.screens.tables import format_rows

_WORKERS_SHOWN = 10
"""Workers shown under each token, unless all are asked for."""


def describe_state(token: ApiToken, now: datetime) -> str:
    """Return whether the token is valid, and until when."""
    if token.revoked_at:
        return f"revoked {token.revoked_at:%Y-%m-%d}"
    if token.expires_at is None:
        return "no expiry"
    return f"{'expires' if token.is_valid(now) else 'expired'} {token.expires_at:%Y-%m-%d}"


def format_worker_tokens(
    tokens: Sequence[ApiToken], workers: Mapping[int, Sequence[TokenWorker]], now: datetime, wide: bool
) -> Sequence[str]:
    """Return a line for each token, followed by a line for each worker that has used it."""
    token_lines = format_rows([_build_token_row(token, now) for token in tokens], name_column=0, wide=wide)
    shown = [workers[token.id] if wide else workers[token.id][:_WORKERS_SHOWN] for token in tokens]
    worker_lines = iter(format_rows([_build_worker_row(worker) for each in shown for worker in each], name_column=0, wide=wide))
    lines = []
    for token, line, listed in zip(tokens, token_lines, shown, strict=True):
        lines += [line, *(next(worker_lines) for _ in listed)]
        if left_out := len(workers[token.id]) - len(listed):
            lines.append(f"  and {left_out:,} more: --wide lists them")
    return lines


def to_json_object(token: ApiToken, workers: Sequence[TokenWorker]) -> Mapping[str, Any]:
    """Return the token as the API returns it."""
    return {
        "id": token.id,
        "name": token.name,
        "kind": token.kind.value,
        "scopes": [scope.value for scope in token.scopes],
        "pipeline_id": token.pipeline_id,
        "hint": token.hint,
        "created_by": token.created_by,
        "created_at": _format_moment(token.created_at),
        "expires_at": _format_moment(token.expires_at),
        "used_on": _format_moment(token.used_on),
        "revoked_at": _format_moment(token.revoked_at),
        "workers": [
            {
                "name": worker.name,
                "address": worker.address,
                "first_used_at": _format_moment(worker.first_used_at),
                "used_at": _format_moment(worker.used_at),
                "is_online": worker.is_online,
                "running_stages": worker.running_stages,
            }
            for worker in workers
        ],
    }


def _build_token_row(token: ApiToken, now: datetime) -> Sequence[str]:
    used = f"used {token.used_on:%Y-%m-%d}" if token.used_on else "never used"
    created = f"created {token.created_at:%Y-%m-%d} by {sanitize(token.created_by or '-')}"
    return [sanitize(token.name), f"…{token.hint}", describe_state(token, now), used, created]


def _build_worker_row(worker: TokenWorker) -> Sequence[str]:
    state = "offline"
    if worker.is_online:
        state = f"online, runs {worker.running_stages:,}" if worker.running_stages else "online, idle"
    address = f"from {sanitize(worker.address)}" if worker.address else ""
    return [f"  {sanitize(worker.name)}", state, address, f"registered {worker.used_at:%Y-%m-%d}"]


def _format_moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
