"""What a person does to a run: take it up again, repeat it, skip, end or decide a stage."""

from typing import TypeVar

from fastapi import APIRouter, Request

from application.commands.runs.apply_run_action import RunActionResult
from application.commands.runs.repeat_run import RepeatRunCommand
from application.commands.runs.retry_run import RetryRunCommand
from domain.runs.approvals import Decision
from entrypoints.api.shared import examples
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, get_trigger_kind, run_id, validate
from entrypoints.api.shared.idempotency import Key, replayed
from entrypoints.api.shared.openapi import answers, request_body
from entrypoints.api.shared.presenters import controlled_json, triggered_json
from entrypoints.api.shared.request_models import (
    ApproveRequest,
    RejectRequest,
    RequestModel,
    RetryRequest,
    RunAgainRequest,
    StageControlRequest,
)
from entrypoints.api.shared.response_models import RunControlResponse, TriggerResponse
from entrypoints.http import strict_json
from entrypoints.http.auth.permissions import OPERATE, TRIGGER, ResourceScope, requires
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.trace_context import get_trace_context

router = APIRouter(tags=["runs"])
Body = TypeVar("Body", bound=RequestModel)
PROBLEMS = (403, 404, 409, 413, 422, 503)


async def _read(request: Request, shape: type[Body]) -> Body:
    """The body, which may be left out whole."""
    raw = await request.body()
    return validate(shape, strict_json.read(raw) if raw.strip() else {})


def _done(done: RunActionResult) -> JsonResponse:
    return JsonResponse(controlled_json(done), 202, replayed(done.replayed))


def _answers() -> dict[int | str, dict[str, object]]:
    return answers(202, RunControlResponse, examples.CONTROLLED, problems=PROBLEMS, words="Stored; what follows from it is under way")


@router.post(
    "/runs/{id}/retry",
    status_code=202,
    summary="Take a run up again",
    operation_id="retry_run",
    responses=_answers(),
    openapi_extra=request_body(RetryRequest, examples.RETRY, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def retry_run(id: str, request: Request, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """From what failed, was lost or was cancelled, or from the stages named. What completed is kept with its outputs; what was skipped
    because of them gets its turn. A finished run is open again. 409 when there is nothing to retry, or the newest revision does not fit."""
    body = await _read(request, RetryRequest)
    return _done(await application.retry_run()(RetryRunCommand(run_id(id), body.stages, body.revision == "newest", who, key)))


@router.post(
    "/runs/{id}/again",
    status_code=202,
    summary="Run again",
    operation_id="run_again",
    responses=answers(202, TriggerResponse, examples.TRIGGERED, problems=(*PROBLEMS, 429, 507), words="Stored, as a new run"),
    openapi_extra=request_body(RunAgainRequest, examples.AGAIN, required=False),
)
@requires(TRIGGER, ResourceScope.RUN)
async def run_again(id: str, request: Request, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """A new run of the pipeline's newest revision, with the earlier run's parameters or others; it says which run it repeats."""
    body = await _read(request, RunAgainRequest)
    again = RepeatRunCommand(run_id(id), body.parameters, get_trigger_kind(request), who, get_trace_context(request), key)
    run = await application.repeat_run()(again)
    return JsonResponse(triggered_json(run), 202, replayed(run.replayed, {"Location": f"/runs/{run.run_id}"}))


@router.post(
    "/runs/{id}/stages/{stage}/retry",
    status_code=202,
    summary="Retry one stage",
    operation_id="retry_stage",
    responses=_answers(),
)
@requires(OPERATE, ResourceScope.RUN)
async def retry_stage(id: str, stage: str, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """It gets a new attempt, and what was skipped because of it its turn. 409 when it is not over, completed, or its needs are not done."""
    return _done(await application.retry_run()(RetryRunCommand(run_id(id), [stage], False, who, key)))


@router.post(
    "/runs/{id}/stages/{stage}/skip",
    status_code=202,
    summary="Skip a stage",
    operation_id="skip_stage",
    responses=_answers(),
    openapi_extra=request_body(StageControlRequest, examples.SKIP, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def skip_stage(id: str, stage: str, request: Request, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """A stage that a person skips counts as done for what needs it, so the run goes on as if it had completed."""
    body = await _read(request, StageControlRequest)
    return _done(await application.skip_stage()(run_id(id), stage, who, body.message, key))


@router.post(
    "/runs/{id}/stages/{stage}/cancel",
    status_code=202,
    summary="End one stage",
    operation_id="cancel_stage",
    responses=_answers(),
    openapi_extra=request_body(StageControlRequest, examples.CANCEL, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def cancel_stage(id: str, stage: str, request: Request, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """What does not run is cancelled at once, what runs is ended by its worker; the run goes on. Asking twice is asking once."""
    body = await _read(request, StageControlRequest)
    return _done(await application.cancel_stage()(run_id(id), stage, who, body.message, key))


@router.post(
    "/runs/{id}/stages/{stage}/approve",
    status_code=202,
    summary="Approve",
    operation_id="approve_stage",
    responses=_answers(),
    openapi_extra=request_body(ApproveRequest, examples.APPROVE, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def approve_stage(id: str, stage: str, request: Request, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """Of a stage of kind `approval` that waits. 403 for who is not among its approvers; 409 before its turn or once it is decided
    otherwise; the same decision again changes nothing."""
    body = await _read(request, ApproveRequest)
    return _done(await application.decide_approval()(run_id(id), stage, Decision(True, body.comment, body.fields), who, key))


@router.post(
    "/runs/{id}/stages/{stage}/reject",
    status_code=202,
    summary="Reject",
    operation_id="reject_stage",
    responses=_answers(),
    openapi_extra=request_body(RejectRequest, examples.REJECT, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def reject_stage(id: str, stage: str, request: Request, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """The stage fails, with the reason `rejected`. Answers as an approval does."""
    body = await _read(request, RejectRequest)
    return _done(await application.decide_approval()(run_id(id), stage, Decision(False, body.comment), who, key))
