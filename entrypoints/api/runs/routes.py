"""Runs: the list, one run, its stages, and cancelling it."""

from typing import Annotated

from fastapi import Body, Request
from starlette.responses import Response

from application.queries.explain.explanation import explain_run
from entrypoints.api.runs.dependencies import RunDep, RunId
from entrypoints.api.runs.models import CancelRequest, CancelResponse, RunResponse, StageResponse
from entrypoints.api.runs.run_list import RunListQuery, list_run_page
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, PrefectUrlDep, ReaderDep, RunContextDep
from entrypoints.api.shared.etags import run_etag
from entrypoints.api.shared.idempotency import IdempotencyKeyDep, mark_replayed
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.query_parameters import Cursor, Limit, RunSkip, Since, StatusFilter, TriggerFilter, Until
from entrypoints.api.shared.routing import create_router
from entrypoints.http.auth.permissions import OPERATE, READ, ResourceScope, requires

router = create_router("runs")


@router.get("/runs/", summary="List runs", response_model=list[RunResponse], responses=problems(422, 503))
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
    cursor: Cursor = None,
) -> Response:
    """Return the runs of all pipelines, newest first. The `Link` header points to the next page."""
    return await list_run_page(request, reader, RunListQuery(None, status, skip, limit, cursor, trigger, since, until))


@router.get("/runs/{id}", summary="Get a run", responses=problems(404, 422, 503))
@requires(READ, ResourceScope.RUN)
async def get_run(run: RunDep, run_context_loader: RunContextDep, response: Response) -> RunResponse:
    """Return a run. `why` explains its state in one sentence."""
    response.headers["ETag"] = run_etag(run)
    return RunResponse.from_view(run, str(explain_run(run, await run_context_loader(run))))


@router.get("/runs/{id}/stages", summary="List a run's stages", responses=problems(404, 422, 503))
@requires(READ, ResourceScope.RUN)
async def list_run_stages(run: RunDep, prefect_url: PrefectUrlDep) -> list[StageResponse]:
    """Return the stages in the order of the definition, each with the state of its newest attempt."""
    return [StageResponse.from_view(stage, prefect_url) for stage in run.stages]


@router.post(
    "/runs/{id}/cancel",
    status_code=202,
    summary="Cancel a run",
    response_description="Accepted; running stages are being stopped",
    responses=problems(403, 404, 409, 413, 422, 503),
)
@requires(OPERATE, ResourceScope.RUN)
async def cancel_run(
    run_id: RunId,
    application: ApplicationDep,
    actor: ActorDep,
    key: IdempotencyKeyDep,
    response: Response,
    body: Annotated[CancelRequest, Body(default_factory=CancelRequest)],
) -> CancelResponse:
    """Cancel stages that have not started at once; workers stop the running ones. Cancelling again changes nothing. 409 once the run has
    ended."""
    result = await application.cancel_run()(run_id, actor, body.message, key)
    mark_replayed(response, result.replayed)
    return CancelResponse(run_id=result.run_id, number=result.number, pipeline=result.pipeline, status=result.status)
