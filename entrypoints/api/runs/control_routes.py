"""Actions of people on runs: retry, repeat, and skip, cancel or decide a stage."""

from typing import Annotated

from fastapi import Body, Request
from starlette.responses import Response

from application.commands.runs.apply_run_action import RunActionResult
from application.commands.runs.repeat_run import RepeatRunCommand
from application.commands.runs.retry_run import RetryRunCommand
from domain.runs.approvals import Decision
from entrypoints.api.runs.control_models import (
    ApproveRequest,
    RejectRequest,
    RepeatRequest,
    RetryRequest,
    RunControlResponse,
    SkipRequest,
    StartOverLimitRequest,
)
from entrypoints.api.runs.dependencies import RunId
from entrypoints.api.runs.models import CancelRequest, TriggerResponse
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, get_trigger_kind
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.http.base_path import link
from entrypoints.http.trace_context import get_trace_context

router = create_router("runs")
ACCEPTED = "Accepted"
PROBLEMS = (403, 404, 409, 413, 422, 503)


@router.post(
    "/runs/{id}/retry",
    status_code=202,
    summary="Retry a run",
    response_description=ACCEPTED,
    responses=problems(*PROBLEMS),
)
@requires(OPERATE, ResourceScope.RUN)
async def retry_run(
    run_id: RunId,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[RetryRequest, Body(default_factory=RetryRequest)],
) -> RunControlResponse:
    """Retry the stages that failed, were lost or were cancelled, or the selected stages. Completed stages keep their outputs, and stages
    skipped because of a retried one run again. A finished run is reopened. 409 if no stage can be retried, or if the newest revision does
    not match the run."""
    command = RetryRunCommand(run_id, body.stages, body.revision == "newest", actor, key)
    return _respond(await application.retry_run()(command), response)


@router.post(
    "/runs/{id}/again",
    status_code=202,
    summary="Run again",
    response_description="Accepted, as a new run",
    responses=problems(*PROBLEMS, 429, 507),
)
@requires(TRIGGER, ResourceScope.RUN)
async def run_again(
    run_id: RunId,
    request: Request,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[RepeatRequest, Body(default_factory=RepeatRequest)],
) -> TriggerResponse:
    """Start a new run of the pipeline's newest revision with the earlier run's parameters, or with new ones. The new run's `repeats`
    names the earlier one."""
    command = RepeatRunCommand(run_id, body.parameters, get_trigger_kind(request), actor, get_trace_context(request), key)
    run = await application.repeat_run()(command)
    response.headers["Location"] = link(f"/runs/{run.run_id}")
    mark_replayed(response, run.replayed)
    return TriggerResponse.from_view(run)


@router.post(
    "/runs/{id}/start-over-limit",
    status_code=202,
    summary="Start over the limit",
    response_description="Accepted; a worker starts it",
    responses=problems(*PROBLEMS),
)
@requires(OPERATE, ResourceScope.RUN)
async def start_over_limit(
    run_id: RunId,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[StartOverLimitRequest, Body(default_factory=StartOverLimitRequest)],
) -> RunControlResponse:
    """Start a run that waits for a slot of a concurrency limit, or one stage of it, although the limit is reached. The group's page and
    the audit log show it. 409 if nothing in it waits for a slot."""
    return _respond(await application.start_over_limit()(run_id, body.stage, actor, key), response)


@router.post(
    "/runs/{id}/stages/{stage}/retry",
    status_code=202,
    summary="Retry one stage",
    response_description=ACCEPTED,
    responses=problems(*PROBLEMS),
)
@requires(OPERATE, ResourceScope.RUN)
async def retry_stage(
    run_id: RunId, stage: str, application: ApplicationDep, actor: ActorDep, key: IdempotencyKeyDep, response: Response
) -> RunControlResponse:
    """Start a new attempt of the stage; stages skipped because of it run again. 409 if the stage has not ended, has completed, or if its
    needs are not met."""
    return _respond(await application.retry_run()(RetryRunCommand(run_id, [stage], False, actor, key)), response)


@router.post(
    "/runs/{id}/stages/{stage}/skip",
    status_code=202,
    summary="Skip a stage",
    response_description=ACCEPTED,
    responses=problems(*PROBLEMS),
)
@requires(OPERATE, ResourceScope.RUN)
async def skip_stage(
    run_id: RunId,
    stage: str,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[SkipRequest, Body(default_factory=SkipRequest)],
) -> RunControlResponse:
    """Skip the stage. The stages that need it run as if it had completed."""
    return _respond(await application.skip_stage()(run_id, stage, actor, body.message, key), response)


@router.post(
    "/runs/{id}/stages/{stage}/cancel",
    status_code=202,
    summary="Cancel a stage",
    response_description=ACCEPTED,
    responses=problems(*PROBLEMS),
)
@requires(OPERATE, ResourceScope.RUN)
async def cancel_stage(
    run_id: RunId,
    stage: str,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[CancelRequest, Body(default_factory=CancelRequest)],
) -> RunControlResponse:
    """Cancel the stage at once if it has not started; its worker stops it otherwise.

    The run continues. Cancelling again changes nothing.
    """
    return _respond(await application.cancel_stage()(run_id, stage, actor, body.message, key), response)


@router.post(
    "/runs/{id}/stages/{stage}/approve",
    status_code=202,
    summary="Approve",
    response_description=ACCEPTED,
    responses=problems(*PROBLEMS),
)
@requires(OPERATE, ResourceScope.RUN)
async def approve_stage(
    run_id: RunId,
    stage: str,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[ApproveRequest, Body(default_factory=ApproveRequest)],
) -> RunControlResponse:
    """Approve a waiting stage of kind `approval`.

    403 for users who are not among its approvers; 409 before it waits, or if it was decided differently. Repeating a decision changes
    nothing.
    """
    decision = Decision(True, body.comment, body.fields)
    return _respond(await application.decide_approval()(run_id, stage, decision, actor, key), response)


@router.post(
    "/runs/{id}/stages/{stage}/reject",
    status_code=202,
    summary="Reject",
    response_description=ACCEPTED,
    responses=problems(*PROBLEMS),
)
@requires(OPERATE, ResourceScope.RUN)
async def reject_stage(
    run_id: RunId,
    stage: str,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[RejectRequest, Body(default_factory=RejectRequest)],
) -> RunControlResponse:
    """Reject a waiting stage of kind `approval`: it fails with the reason `rejected`. Errors are those of an approval."""
    return _respond(await application.decide_approval()(run_id, stage, Decision(False, body.comment), actor, key), response)


def _respond(result: RunActionResult, response: Response) -> RunControlResponse:
    mark_replayed(response, result.replayed)
    return RunControlResponse.from_view(result)
