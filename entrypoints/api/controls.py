"""What a person does to a run: take it up again, repeat it, skip, end or decide a stage."""

from typing import TypeVar

from fastapi import APIRouter, Request

from application.commands.control_run import Controlled
from application.commands.retry_run import Retry
from application.commands.run_again import Again
from domain.controls import Decision
from entrypoints.api import examples
from entrypoints.api.bodies import AgainBody, ApproveBody, RejectBody, RetryBody, Shape, WordBody
from entrypoints.api.idempotency import Key, replayed
from entrypoints.api.openapi import answers, takes
from entrypoints.api.presenters import Json, controlled_json, triggered_json
from entrypoints.api.requests import Acting, App, run_id, shaped, trace_of, trigger_kind
from entrypoints.api.schemas import ControlledShape, TriggeredShape
from entrypoints.http import strict_json
from entrypoints.http.auth.permissions import OPERATE, TRIGGER, ResourceScope, requires

router = APIRouter(tags=["runs"])
Body = TypeVar("Body", bound=Shape)
PROBLEMS = (403, 404, 409, 413, 422, 503)


async def _read(request: Request, shape: type[Body]) -> Body:
    """The body, which may be left out whole."""
    raw = await request.body()
    return shaped(shape, strict_json.read(raw) if raw.strip() else {})


def _done(done: Controlled) -> Json:
    return Json(controlled_json(done), 202, replayed(done.replayed))


def _answers() -> dict[int | str, dict[str, object]]:
    return answers(202, ControlledShape, examples.CONTROLLED, problems=PROBLEMS, words="Stored; what follows from it is under way")


@router.post(
    "/runs/{id}/retry",
    status_code=202,
    summary="Take a run up again",
    operation_id="retry_run",
    responses=_answers(),
    openapi_extra=takes(RetryBody, examples.RETRY, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def retry_run(id: str, request: Request, application: App, who: Acting, key: Key) -> Json:
    """From what failed, was lost or was cancelled, or from the stages named. What completed is kept with its outputs; what was skipped
    because of them gets its turn. A finished run is open again. 409 when there is nothing to retry, or the newest revision does not fit."""
    body = await _read(request, RetryBody)
    return _done(await application.retry_run()(Retry(run_id(id), body.stages, body.revision == "newest", who, key)))


@router.post(
    "/runs/{id}/again",
    status_code=202,
    summary="Run again",
    operation_id="run_again",
    responses=answers(202, TriggeredShape, examples.TRIGGERED, problems=(*PROBLEMS, 429, 507), words="Stored, as a new run"),
    openapi_extra=takes(AgainBody, examples.AGAIN, required=False),
)
@requires(TRIGGER, ResourceScope.RUN)
async def run_again(id: str, request: Request, application: App, who: Acting, key: Key) -> Json:
    """A new run of the pipeline's newest revision, with the earlier run's parameters or others; it says which run it repeats."""
    body = await _read(request, AgainBody)
    again = Again(run_id(id), body.parameters, trigger_kind(request), who, trace_of(request), key)
    run = await application.run_again()(again)
    return Json(triggered_json(run), 202, replayed(run.replayed, {"Location": f"/runs/{run.run_id}"}))


@router.post(
    "/runs/{id}/stages/{stage}/retry",
    status_code=202,
    summary="Retry one stage",
    operation_id="retry_stage",
    responses=_answers(),
)
@requires(OPERATE, ResourceScope.RUN)
async def retry_stage(id: str, stage: str, application: App, who: Acting, key: Key) -> Json:
    """It gets a new attempt, and what was skipped because of it its turn. 409 when it is not over, completed, or its needs are not done."""
    return _done(await application.retry_run()(Retry(run_id(id), [stage], False, who, key)))


@router.post(
    "/runs/{id}/stages/{stage}/skip",
    status_code=202,
    summary="Skip a stage",
    operation_id="skip_stage",
    responses=_answers(),
    openapi_extra=takes(WordBody, examples.SKIP, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def skip_stage(id: str, stage: str, request: Request, application: App, who: Acting, key: Key) -> Json:
    """A stage that a person skips counts as done for what needs it, so the run goes on as if it had completed."""
    body = await _read(request, WordBody)
    return _done(await application.skip_stage()(run_id(id), stage, who, body.message, key))


@router.post(
    "/runs/{id}/stages/{stage}/cancel",
    status_code=202,
    summary="End one stage",
    operation_id="cancel_stage",
    responses=_answers(),
    openapi_extra=takes(WordBody, examples.CANCEL, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def cancel_stage(id: str, stage: str, request: Request, application: App, who: Acting, key: Key) -> Json:
    """What does not run is cancelled at once, what runs is ended by its worker; the run goes on. Asking twice is asking once."""
    body = await _read(request, WordBody)
    return _done(await application.cancel_stage()(run_id(id), stage, who, body.message, key))


@router.post(
    "/runs/{id}/stages/{stage}/approve",
    status_code=202,
    summary="Approve",
    operation_id="approve_stage",
    responses=_answers(),
    openapi_extra=takes(ApproveBody, examples.APPROVE, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def approve_stage(id: str, stage: str, request: Request, application: App, who: Acting, key: Key) -> Json:
    """Of a stage of kind `approval` that waits. 403 for who is not among its approvers; 409 before its turn or once it is decided
    otherwise; the same decision again changes nothing."""
    body = await _read(request, ApproveBody)
    return _done(await application.decide_approval()(run_id(id), stage, Decision(True, body.comment, body.fields), who, key))


@router.post(
    "/runs/{id}/stages/{stage}/reject",
    status_code=202,
    summary="Reject",
    operation_id="reject_stage",
    responses=_answers(),
    openapi_extra=takes(RejectBody, examples.REJECT, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def reject_stage(id: str, stage: str, request: Request, application: App, who: Acting, key: Key) -> Json:
    """The stage fails, with the reason `rejected`. Answers as an approval does."""
    body = await _read(request, RejectBody)
    return _done(await application.decide_approval()(run_id(id), stage, Decision(False, body.comment), who, key))
