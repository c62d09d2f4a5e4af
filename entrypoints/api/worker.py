"""The wire to worker processes, which the table of permissions opens to a worker's token alone; what they do is done by use cases."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from application.ports.persistence import WorkerSeen
from domain.errors import InvalidInput
from entrypoints.api.bodies import INTEGER
from entrypoints.api.ids import MAX_ID, id_of
from entrypoints.api.presenters import Json
from entrypoints.api.requests import App, get_application, shaped
from entrypoints.api.streams import EventStream
from entrypoints.api.worker_bodies import AdvanceBody, BeatBody, ClaimBody, FlowRunBody, LeaveBody, LogBody, RecordedBody
from entrypoints.api.worker_presenters import advanced_json, beat_json, claim_json
from entrypoints.api.worker_stream import worker_lines
from entrypoints.http import strict_json
from entrypoints.http.auth.permissions import AccessLevel, requires
from entrypoints.http.middleware.body_limit import body_of
from entrypoints.http.plain_route import PlainRoute


async def cleaned_body(request: Request) -> Any:
    """What a stage said may hold any character; those that cannot be stored are replaced, so that its end is never refused for them."""
    return strict_json.check(strict_json.cleaned(strict_json.parse(await body_of(request))))


Body = Annotated[Any, Depends(cleaned_body)]
router = APIRouter(prefix="/worker", tags=["worker"], include_in_schema=False)


@router.get("/stream")
@requires(AccessLevel.WORKER)
async def stream(
    application: App,
    worker_id: Annotated[str, Query(min_length=1, max_length=200)],
    name: Annotated[str, Query(min_length=1, max_length=200)],
    pool: Annotated[str, Query(min_length=1, max_length=100)],
    slots: Annotated[int, Query(ge=0, le=INTEGER)],
    free: Annotated[int | None, Query(ge=0, le=INTEGER)] = None,
    version: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Messages for this worker as JSON lines. A ping comes first, and at least every 10 s."""
    texts = {"worker_id": worker_id, "name": name, "pool": pool, "version": version}
    strict_json.check(texts)
    worker = WorkerSeen(worker_id, name, pool, slots, slots if free is None else free, version)
    await application.worker_arrives()(worker)
    return EventStream(worker_lines(application.adapters.links().open(worker)), "application/x-ndjson")


@router.post("/heartbeat")
@requires(AccessLevel.WORKER)
async def heartbeat(raw: Body, application: App) -> Json:
    return Json(beat_json(await application.heartbeat()(shaped(BeatBody, raw).beat())))


@router.post("/bursts/{run_id}/{epoch}/claim")
@requires(AccessLevel.WORKER)
async def claim(run_id: int, epoch: int, raw: Body, application: App) -> Json:
    body = shaped(ClaimBody, raw)
    _check_ids(run_id, epoch)
    return Json(claim_json(await application.claim_burst()(run_id, epoch, body.worker_id, body.capacity)))


@requires(AccessLevel.WORKER)
async def advance(request: Request) -> Json:
    """Store the reports of a dispatch and return what starts next."""
    body = shaped(AdvanceBody, await cleaned_body(request))
    run_id, epoch = (id_of(request.path_params[name]) or 0 for name in ("run_id", "epoch"))
    _check_ids(run_id, epoch)
    application = get_application(request)
    step = await application.advance_burst()(body.advance(run_id, epoch))
    if body.received is not None:
        application.adapters.links().set_free(body.worker_id, body.free - len(step.starts), body.received)
    return Json(advanced_json(step))


PLAIN_ROUTES = (PlainRoute("POST", "/worker/bursts/{run_id}/{epoch}/advance", advance),)


@router.post("/bursts/{run_id}/{epoch}/recorded")
@requires(AccessLevel.WORKER)
async def recorded(run_id: int, epoch: int, raw: Body, application: App) -> Response:
    body = shaped(RecordedBody, raw)
    _check_ids(run_id, epoch)
    await application.note_flow_run()(run_id, epoch, body.flow_run_id)
    return Response(status_code=204)


@router.post("/logs")
@requires(AccessLevel.WORKER)
async def logs(raw: Body, application: App) -> Json:
    body = shaped(LogBody, raw)
    return Json({"stored": await application.append_log()(body.run_id, body.stage, body.attempt, body.new_lines())})


@router.post("/cancelled-in-prefect")
@requires(AccessLevel.WORKER)
async def cancelled_in_prefect(raw: Body, application: App) -> Response:
    await application.cancel_from_prefect()(shaped(FlowRunBody, raw).flow_run_id)
    return Response(status_code=204)


@router.post("/leave")
@requires(AccessLevel.WORKER)
async def leave(raw: Body, application: App) -> Response:
    await application.worker_leaves()(shaped(LeaveBody, raw).worker_id)
    return Response(status_code=204)


def _check_ids(run_id: int, epoch: int) -> None:
    if not 1 <= run_id <= MAX_ID or not 1 <= epoch <= INTEGER:
        raise InvalidInput.of("run_id" if not 1 <= run_id <= MAX_ID else "epoch", "is a whole number from 1")
