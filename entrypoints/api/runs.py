"""Runs: the list, one, its stages, and stopping it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from application.ports.readers import Reader
from application.queries.views import RunView
from application.queries.why import explain
from domain.errors import NotFound
from entrypoints.api import examples
from entrypoints.api.bodies import CancelBody
from entrypoints.api.cursors import CursorText
from entrypoints.api.etags import run_tag, tagged
from entrypoints.api.idempotency import Key, replayed
from entrypoints.api.openapi import answers, takes
from entrypoints.api.presenters import Json, cancelled_json, run_json, stage_json
from entrypoints.api.requests import (
    Acting,
    App,
    Limit,
    Looks,
    Reads,
    RunSkip,
    Since,
    StatusWord,
    TriggerKind,
    Until,
    run_id,
    shaped,
)
from entrypoints.api.run_lists import RunPage, run_list
from entrypoints.api.schemas import CancelledShape, RunShape, StageShape
from entrypoints.http import strict_json
from entrypoints.http.auth.permissions import OPERATE, READ, ResourceScope, requires

router = APIRouter(tags=["runs"])


@router.get(
    "/runs/",
    summary="List runs",
    operation_id="list_runs",
    responses=answers(200, list[RunShape], [examples.RUN], problems=(422, 503)),
)
@requires(READ)
async def list_runs(
    request: Request,
    reads: Reads,
    status: StatusWord = None,
    trigger: TriggerKind = None,
    since: Since = None,
    until: Until = None,
    skip: RunSkip = 0,
    limit: Limit = 100,
    cursor: CursorText = None,
) -> Response:
    """Of all pipelines, newest first. `Link` leads to the next page."""
    return await run_list(request, reads, RunPage(None, status, skip, limit, cursor, trigger, since, until))


@router.get(
    "/runs/{id}",
    summary="One run",
    operation_id="get_run",
    responses=answers(200, RunShape, examples.RUN, problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.RUN)
async def get_run(id: str, request: Request, reads: Reads, look_around: Looks) -> Response:
    """`why` says in one sentence why it is where it is."""
    run = await found_run(id, reads)
    return tagged(request, run_json(run, str(explain(run, await look_around(run)))), run_tag(run))


@router.get(
    "/runs/{id}/stages",
    summary="A run's stages",
    operation_id="list_run_stages",
    responses=answers(200, list[StageShape], [examples.STAGE], problems=(404, 422, 503)),
)
@requires(READ, ResourceScope.RUN)
async def list_stages(id: str, request: Request, reads: Reads) -> Response:
    """In the order of the definition, each as its newest attempt stands."""
    return tagged(request, [stage_json(stage) for stage in (await found_run(id, reads)).stages])


@router.post(
    "/runs/{id}/cancel",
    status_code=202,
    summary="Stop a run",
    operation_id="cancel_run",
    responses=answers(
        202,
        CancelledShape,
        examples.CANCELLED,
        problems=(403, 404, 409, 413, 422, 503),
        words="Stored; what runs is being ended",
    ),
    openapi_extra=takes(CancelBody, examples.CANCEL, required=False),
)
@requires(OPERATE, ResourceScope.RUN)
async def cancel_run(id: str, request: Request, application: App, who: Acting, key: Key) -> Json:
    """What does not run is cancelled at once, what runs is killed by its worker. Asking twice is asking once; 409 once the run is over."""
    raw = await request.body()
    body = shaped(CancelBody, strict_json.read(raw)) if raw.strip() else CancelBody(message=None)
    cancelled = await application.cancel_run()(run_id(id), who, body.message, key)
    return Json(cancelled_json(cancelled), 202, replayed(cancelled.replayed))


async def found_run(text: str, reads: Reader) -> RunView:
    run = await reads.run(run_id(text))
    if run is None:
        raise NotFound("run", text)
    return run
