"""Status updates: one, or a batch. Plain routes, since reports are the most frequent requests."""

from dataclasses import replace

from fastapi import Request

from application.commands.reports.status_update import StatusUpdate
from entrypoints.api.reports.models import BatchItemResponse, StatusUpdateBatchRequest, StatusUpdateRequest, StatusUpdateResponse
from entrypoints.api.reports.parsing import apply_idempotency_key, parse_batch_body, parse_update
from entrypoints.api.reports.principal import get_principal
from entrypoints.api.reports.results import describe_invalid_item, describe_item, describe_result
from entrypoints.api.reports.run_names import find_named_runs, replace_run_name
from entrypoints.api.shared.dependencies import get_application
from entrypoints.api.shared.idempotency import (
    IDEMPOTENCY_HEADER,
    KEY_PARAMETER,
    build_replay_headers,
    get_idempotency_key,
    parse_key,
)
from entrypoints.api.shared.plain_routes import describe_body, describe_response
from entrypoints.api.shared.problems import problems
from entrypoints.api.shared.storable_reports import parse_report
from entrypoints.http.auth.permissions import REPORT, ResourceScope, requires
from entrypoints.http.error_problems import to_report_problem
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.large_bodies import parse_body
from entrypoints.http.middleware.body_limit import get_body
from entrypoints.http.plain_route import PlainRoute
from entrypoints.http.problems import ProblemError


@requires(REPORT, ResourceScope.REPORT)
async def report_status(request: Request) -> JsonResponse:
    """Store a status update. An update that changes nothing is 200 with `applied: false` and the reason; one that contradicts
    the present state is 409. An `Idempotency-Key` is the update's `event_id`."""
    raw = await parse_body(parse_report, await get_body(request))
    key, principal, application = parse_key(request.headers.get(IDEMPOTENCY_HEADER)), get_principal(request), get_application(request)
    update = parse_update(raw, principal)
    if run_ids := await find_named_runs(application.adapters.reader(), [update]):
        raw = replace_run_name(raw, run_ids)
        update = parse_update(raw, principal)
    (result,) = await application.report_status()([apply_idempotency_key(update, raw, key)])
    if result.is_refused:
        problem = to_report_problem(result)
        raise ProblemError(replace(problem, headers=build_replay_headers(result.replayed, problem.headers)))
    return JsonResponse(describe_result(result), headers=build_replay_headers(result.replayed))


@requires(REPORT, ResourceScope.REPORT)
async def report_batch(request: Request) -> JsonResponse:
    """Store up to 1,000 status updates. Each item gets the result that it would get alone, in order. An invalid item is a 422 of its
    own."""
    key = await get_idempotency_key(request, request.headers.get(IDEMPOTENCY_HEADER))
    principal, application, body = get_principal(request), get_application(request), await get_body(request)
    items = await parse_body(lambda body: parse_batch_body(body, principal), body)
    if run_ids := await find_named_runs(application.adapters.reader(), items):
        items = await parse_body(lambda body: parse_batch_body(body, principal, run_ids), body)
    batch = await application.report_status()([item for item in items if isinstance(item, StatusUpdate)], key)
    results = iter(batch)
    content = [describe_item(next(results)) if isinstance(item, StatusUpdate) else describe_invalid_item(item) for item in items]
    return JsonResponse(content, headers=build_replay_headers(batch.replayed))


PLAIN_ROUTES = (
    PlainRoute(
        "POST",
        "/status-update/",
        report_status,
        tags=["status"],
        summary="Report the status of a stage or a run",
        operation_id="report_status",
        responses=describe_response(StatusUpdateResponse, "Stored") | problems(401, 403, 404, 409, 413, 422, 503),
        openapi_extra=describe_body(StatusUpdateRequest) | {"parameters": [KEY_PARAMETER]},
    ),
    PlainRoute(
        "POST",
        "/status-update/batch",
        report_batch,
        tags=["status"],
        summary="Report up to 1,000 status updates at once",
        operation_id="report_status_batch",
        responses=describe_response(list[BatchItemResponse], "The result of each item") | problems(401, 403, 413, 422, 503),
        openapi_extra=describe_body(StatusUpdateBatchRequest) | {"parameters": [KEY_PARAMETER]},
    ),
)
