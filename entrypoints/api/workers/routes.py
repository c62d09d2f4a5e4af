"""The wire to worker processes, which the table of permissions opens to a worker's token alone; what they do is done by use cases."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from application.ports.persistence.workers import WorkerStatus
from domain.errors import InvalidInput
from entrypoints.api.shared.dependencies import ApplicationDep, get_application, validate
from entrypoints.api.shared.request_models import MAX_INTEGER
from entrypoints.api.workers.message_stream import stream_messages
from entrypoints.api.workers.models import (
    AdvanceRequest,
    AppendLogRequest,
    ClaimRequest,
    FlowRunRecordedRequest,
    FlowRunRequest,
    HeartbeatRequest,
    LeaveRequest,
)
from entrypoints.api.workers.presenters import advanced_json, beat_json, claim_json
from entrypoints.http import strict_json
from entrypoints.http.auth.permissions import AccessLevel, requires
from entrypoints.http.ids import MAX_ID, parse_id
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.middleware.body_limit import get_body
from entrypoints.http.plain_route import PlainRoute
from entrypoints.http.streaming.event_stream import EventStream


async def parse_sanitized_body(request: Request) -> Any:
    """What a stage said may hold any character; those that cannot be stored are replaced, so that its end is never refused for them."""
    return strict_json.check(strict_json.sanitize(strict_json.parse(await get_body(request))))


Body = Annotated[Any, Depends(parse_sanitized_body)]
router = APIRouter(prefix="/worker", tags=["worker"], include_in_schema=False)


@router.get("/stream")
@requires(AccessLevel.WORKER)
async def stream(
    application: ApplicationDep,
    worker_id: Annotated[str, Query(min_length=1, max_length=200)],
    name: Annotated[str, Query(min_length=1, max_length=200)],
    pool: Annotated[str, Query(min_length=1, max_length=100)],
    slots: Annotated[int, Query(ge=0, le=MAX_INTEGER)],
    free: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
    version: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Messages for this worker as JSON lines. A ping comes first, and at least every 10 s."""
    texts = {"worker_id": worker_id, "name": name, "pool": pool, "version": version}
    strict_json.check(texts)
    worker = WorkerStatus(worker_id, name, pool, slots, slots if free is None else free, version)
    await application.register_worker()(worker)
    return EventStream(stream_messages(application.adapters.worker_streams().open(worker)), "application/x-ndjson")


@router.post("/heartbeat")
@requires(AccessLevel.WORKER)
async def heartbeat(raw: Body, application: ApplicationDep) -> JsonResponse:
    return JsonResponse(beat_json(await application.record_heartbeat()(validate(HeartbeatRequest, raw).beat())))


@router.post("/dispatches/{run_id}/{epoch}/claim")
@requires(AccessLevel.WORKER)
async def claim(run_id: int, epoch: int, raw: Body, application: ApplicationDep) -> JsonResponse:
    body = validate(ClaimRequest, raw)
    _check_ids(run_id, epoch)
    return JsonResponse(claim_json(await application.claim_dispatch()(run_id, epoch, body.worker_id, body.capacity)))


@requires(AccessLevel.WORKER)
async def advance(request: Request) -> JsonResponse:
    """Store the reports of a dispatch and return what starts next."""
    body = validate(AdvanceRequest, await parse_sanitized_body(request))
    run_id, epoch = (parse_id(request.path_params[name]) or 0 for name in ("run_id", "epoch"))
    _check_ids(run_id, epoch)
    application = get_application(request)
    step = await application.advance_dispatch()(body.advance(run_id, epoch))
    if body.received is not None:
        application.adapters.worker_streams().set_free_slots(body.worker_id, body.free - len(step.starts), body.received)
    return JsonResponse(advanced_json(step))


PLAIN_ROUTES = (PlainRoute("POST", "/worker/dispatches/{run_id}/{epoch}/advance", advance),)


@router.post("/dispatches/{run_id}/{epoch}/recorded")
@requires(AccessLevel.WORKER)
async def recorded(run_id: int, epoch: int, raw: Body, application: ApplicationDep) -> Response:
    body = validate(FlowRunRecordedRequest, raw)
    _check_ids(run_id, epoch)
    await application.record_flow_run()(run_id, epoch, body.flow_run_id)
    return Response(status_code=204)


@router.post("/logs")
@requires(AccessLevel.WORKER)
async def logs(raw: Body, application: ApplicationDep) -> JsonResponse:
    body = validate(AppendLogRequest, raw)
    return JsonResponse({"stored": await application.append_log()(body.run_id, body.stage, body.attempt, body.new_lines())})


@router.post("/cancelled-in-prefect")
@requires(AccessLevel.WORKER)
async def cancelled_in_prefect(raw: Body, application: ApplicationDep) -> Response:
    await application.cancel_from_prefect()(validate(FlowRunRequest, raw).flow_run_id)
    return Response(status_code=204)


@router.post("/leave")
@requires(AccessLevel.WORKER)
async def leave(raw: Body, application: ApplicationDep) -> Response:
    await application.unregister_worker()(validate(LeaveRequest, raw).worker_id)
    return Response(status_code=204)


def _check_ids(run_id: int, epoch: int) -> None:
    if not 1 <= run_id <= MAX_ID or not 1 <= epoch <= MAX_INTEGER:
        raise InvalidInput.of("run_id" if not 1 <= run_id <= MAX_ID else "epoch", "is a whole number from 1")
