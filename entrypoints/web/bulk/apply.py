"""Applies an action to the runs of a form, one after the other."""

from collections.abc import Awaitable, Callable
from hashlib import sha256

from fastapi import Request

from application.commands.runs.retry_run import RetryRunCommand
from application.ports.persistence.idempotency import IdempotencyKey
from domain.errors import Conflict, NotFound
from entrypoints.http.auth.caller import get_actor, get_caller
from entrypoints.web.bulk.action import BulkAction
from entrypoints.web.bulk.progress import RUNS_PER_REQUEST, BulkProgress
from entrypoints.web.lookups import get_application
from entrypoints.web.page_context import get_page_context

ApplyToRun = Callable[[int, IdempotencyKey], Awaitable[object]]


async def apply_to_runs(request: Request, action: BulkAction, progress: BulkProgress, use_newest: bool) -> BulkProgress:
    """Apply the action to the next RUNS_PER_REQUEST runs. A run that it does not fit adds a sentence and stops nothing."""
    apply = _get_use_case(request, action, use_newest)
    ids, left = progress.left[:RUNS_PER_REQUEST], progress.left[RUNS_PER_REQUEST:]
    done, refused = 0, {}
    for run_id in ids:
        try:
            await apply(run_id, _build_key(request, action, progress, run_id, use_newest))
            done += 1
        except (Conflict, NotFound) as error:
            refused[run_id] = str(error)
    return progress.continue_with(left, done, await _describe(request, refused))


def _get_use_case(request: Request, action: BulkAction, use_newest: bool) -> ApplyToRun:
    application, actor = get_application(request), get_actor(request)
    if action is BulkAction.CANCEL:
        return lambda run_id, key: application.cancel_run()(run_id, actor, key=key)
    return lambda run_id, key: application.retry_run()(RetryRunCommand(run_id, None, use_newest, actor, key))


def _build_key(request: Request, action: BulkAction, progress: BulkProgress, run_id: int, use_newest: bool) -> IdempotencyKey:
    caller = get_caller(request)
    scope = f"POST {action.path} {caller.auth_method} {caller.account_id} {caller.token_id}"
    return IdempotencyKey(scope, f"{progress.key}-{run_id}", sha256(f"{run_id} {use_newest}".encode()).digest())


async def _describe(request: Request, refused: dict[int, str]) -> list[str]:
    """Return a sentence for each refused run, with its name if it still exists."""
    if not refused:
        return []
    names = {run.id: run.name for run in await get_page_context(request).reader.get_runs_by_id(list(refused))}
    return [f"{names.get(run_id, f'Run {run_id}')}: {sentence}" for run_id, sentence in refused.items()]
