"""Runs: the list, one, its stages, and stopping it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application.ports.queries.reader import Reader
from application.queries.explain.explanation import explain_run
from application.queries.views.runs import RunView
from domain.errors import NotFound
from entrypoints.api.runs.run_page import RunListQuery, build_run_list
from entrypoints.api.shared import examples
from entrypoints.api.shared.dependencies import (
    ActorDep,
    ApplicationDep,
    Limit,
    ReaderDep,
    RunContextDep,
    RunSkip,
    Since,
    StatusFilter,
    TriggerFilter,
    Until,
    run_id,
    validate,
)
from entrypoints.api.shared.etags import etag_response, run_etag
from entrypoints.api.shared.idempotency import Key, replayed
from entrypoints.api.shared.openapi import answers, request_body
from entrypoints.api.shared.pagination import CursorParam
from entrypoints.api.shared.presenters import cancelled_json, run_json, stage_json
from entrypoints.api.shared.request_models import CancelRequest
from entrypoints.api.shared.response_models import CancelResponse, RunResponse, StageResponse
from entrypoints.http import strict_json
from entrypoints.http.auth.permissions import OPERATE, READ, ResourceScope, requires
from entrypoints.http.json_response import JsonResponse

router = APIRouter(tags=["runs"])


@router.get(
    "/runs/",
    summary="List runs",
    operation_id="list_runs",
    responses=answers(200, list[RunResponse], [examples.RUN], problems=(422, 503)),
)
@requires(READ)
async def list_runs(
    request: Request,
    reader: ReaderDep,
    status: StatusFilter = None,
    trigger: TriggerFilter = None,
    since: Since = None,
    until: Until = None,
    skip: RunSkip = 0,
    limit: Limit = 100,
    cursor: CursorParam = None,
) -> Response:
    """Of all pipelines, newest first. `Link` leads to the next page."""
    return await build_run_list(request, reader, RunListQuery(None, status, skip, limit, cursor, trigger, since, until))


@router.get(
    "/runs/{id}",
    summary="One run",
    operation_id="get_run",
    responses=answers(200, RunResponse, examples.RUN, problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.RUN)
async def get_run(id: str, request: Request, reader: ReaderDep, look_around: RunContextDep) -> Response:
    """`why` says in one sentence why it is where it is."""
    run = await require_run(id, reader)
    return etag_response(request, run_json(run, str(explain_run(run, await look_around(run)))), run_etag(run))


@router.get(
    "/runs/{id}/stages",
    summary="A run's stages",
    operation_id="list_run_stages",
    responses=answers(200, list[StageResponse], [examples.STAGE], problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.RUN)
async def list_stages(id: str, request: Request, reader: ReaderDep) -> Response:
    """In the order of the definition, each as its newest attempt stands."""
    return etag_response(request, [stage_json(stage) for stage in (await require_run(id, reader)).stages])


@router.post(
    "/runs/{id}/cancel",
    status_code=202,
    summary="Stop a run",
    operation_id="cancel_run",
    responses=answers(
        202,
        CancelResponse,
        examples.CANCELLED,
        problems=(403, 404, 409, 413, 422, 503),
        words="Stored; what runs is being ended",
    ),
    openapi_extra=request_body(CancelRequest, examples.CANCEL, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def cancel_run(id: str, request: Request, application: ApplicationDep, who: ActorDep, key: Key) -> JsonResponse:
    """What does not run is cancelled at once, what runs is killed by its worker. Asking twice is asking once; 409 once the run is over."""
    raw = await request.body()
    body = validate(CancelRequest, strict_json.read(raw)) if raw.strip() else CancelRequest(message=None)
    cancelled = await application.cancel_run()(run_id(id), who, body.message, key)
    return JsonResponse(cancelled_json(cancelled), 202, replayed(cancelled.replayed))


async def require_run(text: str, reader: Reader) -> RunView:
    run = await reader.run(run_id(text))
    if run is None:
        raise NotFound("run", text)
    return run
