"""The protocol of worker processes. Only a worker's token opens these routes, and the OpenAPI document leaves them out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from application.ports.persistence.workers import WorkerStatus
from domain.errors import InvalidInput
from entrypoints.api.shared.dependencies import ActorDep, ApplicationDep, get_application
from entrypoints.api.shared.models import MAX_INTEGER
from entrypoints.api.shared.plain_routes import validate
from entrypoints.api.shared.routing import ApiRoute
from entrypoints.api.shared.storable_reports import make_report_storable, parse_fast
from entrypoints.api.workers.message_stream import stream_messages
from entrypoints.api.workers.protocol import build_version_problem, check_protocol
from entrypoints.api.workers.requests import (
    AdvanceRequest,
    AppendLogRequest,
    CancelledInPrefectRequest,
    ClaimRequest,
    FlowRunRecordedRequest,
    HeartbeatRequest,
    LeaveRequest,
)
from entrypoints.api.workers.responses import AdvanceResponse, ClaimResponse, HeartbeatResponse, RecordDispatchResponse, StoredLinesResponse
from entrypoints.http import strict_json
from entrypoints.http.auth.caller import get_caller
from entrypoints.http.auth.permissions import AccessLevel, requires
from entrypoints.http.ids import MAX_ID, parse_id
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.large_bodies import check_key_count, parse_body
from entrypoints.http.middleware.body_limit import get_body
from entrypoints.http.plain_route import PlainRoute
from entrypoints.http.problems import ProblemError
from entrypoints.http.streaming.event_stream import EventStream


def _parse_sanitized(body: bytes) -> Any:
    """Replace characters that cannot be stored: a stage may print any, and its end must not be refused for them."""
    return strict_json.check(strict_json.sanitize(check_key_count(strict_json.parse(body))))


class _SanitizingRoute(ApiRoute):
    """A route that replaces characters that cannot be stored."""

    def parse(self, body: bytes) -> Any:
        return _parse_sanitized(body)


router = APIRouter(
    prefix="/worker", tags=["worker"], include_in_schema=False, route_class=_SanitizingRoute, dependencies=[Depends(check_protocol)]
)


def _check_dispatch(run_id: int, epoch: int) -> None:
    if not 1 <= run_id <= MAX_ID or not 1 <= epoch <= MAX_INTEGER:
        raise InvalidInput.for_field("run_id" if not 1 <= run_id <= MAX_ID else "epoch", "must be a whole number from 1")


async def _get_dispatch(run_id: int, epoch: int) -> tuple[int, int]:
    _check_dispatch(run_id, epoch)
    return run_id, epoch


async def _get_token_id(request: Request) -> int | None:
    """Return the id of the worker's token; None if it is derived from HEADGATE_SECRET."""
    return get_caller(request).token_id


TokenIdDep = Annotated[int | None, Depends(_get_token_id)]
DispatchDep = Annotated[tuple[int, int], Depends(_get_dispatch)]


@router.get("/stream")
@requires(AccessLevel.WORKER)
async def stream(
    application: ApplicationDep,
    token_id: TokenIdDep,
    actor: ActorDep,
    worker_id: Annotated[str, Query(min_length=1, max_length=200)],
    name: Annotated[str, Query(min_length=1, max_length=200)],
    pool: Annotated[str, Query(min_length=1, max_length=100)],
    slots: Annotated[int, Query(ge=0, le=MAX_INTEGER)],
    free: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
    version: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """Stream messages for this worker as JSON lines. A ping comes first, and at least every 10 s."""
    strict_json.check({"worker_id": worker_id, "name": name, "pool": pool, "version": version})
    worker = WorkerStatus(worker_id, name, pool, slots, slots if free is None else free, version, token_id)
    await application.register_worker()(worker, actor)
    return EventStream(stream_messages(application.adapters.worker_streams().open(worker)), "application/x-ndjson")


@router.post("/heartbeat")
@requires(AccessLevel.WORKER)
async def heartbeat(body: HeartbeatRequest, application: ApplicationDep, token_id: TokenIdDep, actor: ActorDep) -> HeartbeatResponse:
    """Renew the leases of the dispatches that the worker holds."""
    return HeartbeatResponse.from_view(await application.record_heartbeat()(body.to_command(token_id), actor))


@router.post("/dispatches/{run_id}/{epoch}/claim")
@requires(AccessLevel.WORKER)
async def claim(dispatch: DispatchDep, body: ClaimRequest, application: ApplicationDep) -> ClaimResponse:
    """Claim a dispatch and return what to start."""
    return ClaimResponse.from_view(await application.claim_dispatch()(*dispatch, body.worker_id, body.capacity))


@requires(AccessLevel.WORKER)
async def advance(request: Request) -> JsonResponse:
    """Store the reports of a dispatch and return what starts next."""
    await check_protocol(request)
    body = await parse_body(_parse_advance, await get_body(request))
    run_id, epoch = (parse_id(request.path_params[name]) or 0 for name in ("run_id", "epoch"))
    _check_dispatch(run_id, epoch)
    application = get_application(request)
    result = await application.advance_dispatch()(body.to_command(run_id, epoch))
    if body.received is not None:
        application.adapters.worker_streams().set_free_slots(body.worker_id, body.free - len(result.starts), body.received)
    return JsonResponse(AdvanceResponse.from_view(result))


def _parse_advance(body: bytes) -> AdvanceRequest:
    """Return the step. A report with an output that cannot be stored is changed, so that it does not cost the other reports."""
    raw, is_checked = parse_fast(body)
    check_key_count(raw)
    if not is_checked and isinstance(raw, dict) and isinstance(raw.get("reports"), list):
        raw["reports"] = [make_report_storable(report) for report in raw["reports"]]
    return validate(AdvanceRequest, raw if is_checked else strict_json.check(strict_json.sanitize(raw)))


PLAIN_ROUTES = (PlainRoute("POST", "/worker/dispatches/{run_id}/{epoch}/advance", advance),)


@router.post("/dispatches/{run_id}/{epoch}/recorded", status_code=204)
@requires(AccessLevel.WORKER)
async def recorded(dispatch: DispatchDep, body: FlowRunRecordedRequest, application: ApplicationDep) -> None:
    """Store the Prefect flow run of a dispatch."""
    await application.record_flow_run()(*dispatch, body.flow_run_id)


@router.post("/dispatches/{run_id}/{epoch}/record")
@requires(AccessLevel.WORKER)
async def record(dispatch: DispatchDep, application: ApplicationDep) -> RecordDispatchResponse:
    """Create the flow run of a claimed dispatch in Prefect, or end it if the dispatch has ended."""
    return RecordDispatchResponse(recorded=await application.record_dispatch()(*dispatch))


@router.post("/logs", response_model_exclude_none=True)
@requires(AccessLevel.WORKER)
async def logs(body: AppendLogRequest, application: ApplicationDep) -> StoredLinesResponse:
    """Append lines to an attempt's log. Lines that are stored already are ignored."""
    append_log, attempt = application.append_log(), (body.run_id, body.stage, body.attempt)
    appended = await append_log(*attempt, body.to_lines(), is_tail=body.tail, unfinished=body.unfinished_lines)
    return StoredLinesResponse.from_view(appended)


@router.post("/cancelled-in-prefect", status_code=204)
@requires(AccessLevel.WORKER)
async def cancelled_in_prefect(body: CancelledInPrefectRequest, application: ApplicationDep) -> None:
    """Cancel the run of a flow run that was cancelled in Prefect."""
    await application.cancel_from_prefect()(body.flow_run_id)


@router.post("/leave", status_code=204)
@requires(AccessLevel.WORKER)
async def leave(body: LeaveRequest, application: ApplicationDep, token_id: TokenIdDep) -> None:
    """Unregister the worker."""
    await application.unregister_worker()(body.worker_id, token_id)


@router.post("/bursts/{rest:path}")
@requires(AccessLevel.WORKER)
async def refuse_version_1(rest: str) -> None:
    """Refuse the paths of version 1 of the protocol."""
    raise ProblemError(build_version_problem("1"))
