"""Status reports: one, or a list of them through the same use case."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import orjson
from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from application.commands.reports.report_results import ReportResult
from application.commands.reports.status_update import StatusUpdate, TokenReporter
from application.ports.access.execution_tokens import AttemptClaims
from domain.access.caller import AuthMethod
from domain.errors import InvalidInput
from domain.reports.report import Report, ReportOutcome
from entrypoints.api.shared import examples
from entrypoints.api.shared.dependencies import get_application, parse_json_body, validate
from entrypoints.api.shared.idempotency import IDEMPOTENCY_HEADER, KEY_PARAMETER, get_idempotency_key, parse_key, replayed
from entrypoints.api.shared.openapi import answers, request_body
from entrypoints.api.shared.presenters import answer_json, batch_item_json
from entrypoints.api.shared.request_models import StatusUpdateBatchRequest, StatusUpdateRequest
from entrypoints.api.shared.response_models import BatchItemResponse, StatusUpdateResponse
from entrypoints.http import strict_json
from entrypoints.http.auth.caller import get_caller, get_claims
from entrypoints.http.auth.permissions import REPORT, ResourceScope, requires
from entrypoints.http.json_response import JsonResponse
from entrypoints.http.middleware.body_limit import get_body
from entrypoints.http.plain_route import PlainRoute
from entrypoints.http.problems import Problem, ProblemError, to_report_problem, validation_problem


@dataclass(frozen=True, slots=True)
class Principal:
    attempt: AttemptClaims | None = None
    token_reporter: TokenReporter | None = None

    @property
    def names_target(self) -> bool:
        """What it is about, the token says."""
        return self.attempt is not None or (self.token_reporter is not None and self.token_reporter.pipeline_id is not None)


ANONYMOUS = Principal()
_UPDATES = TypeAdapter(list[StatusUpdateRequest])


@requires(REPORT, ResourceScope.REPORT)
async def report_status(request: Request) -> JsonResponse:
    """Answered after it is stored. A report that changes nothing is 200 with `applied: false` and why; one that cannot be is 409.
    An `Idempotency-Key` is the report's `event_id`."""
    raw = await parse_json_body(request)
    update = apply_idempotency_key(
        parse_status_update(raw, get_principal(request)), raw, parse_key(request.headers.get(IDEMPOTENCY_HEADER))
    )
    (answer,) = await get_application(request).report_status()([update])
    if answer.is_refused:
        problem = to_report_problem(answer)
        raise ProblemError(replace(problem, headers=replayed(answer.replayed, problem.headers)))
    return JsonResponse(answer_json(answer), headers=replayed(answer.replayed))


@requires(REPORT, ResourceScope.REPORT)
async def report_batch(request: Request) -> JsonResponse:
    """Items are independent: each gets what it would get alone, in order; one that cannot be read is its own 422."""
    key = await get_idempotency_key(request, request.headers.get(IDEMPOTENCY_HEADER))
    raw, is_checked = strict_json.parse_fast(await get_body(request))
    body, principal = validate(StatusUpdateBatchRequest, raw), get_principal(request)
    read = _parse_items(body.updates, principal, is_checked)
    given = await get_application(request).report_status()([item for item in read if isinstance(item, StatusUpdate)], key)
    answers = iter(given)
    content = [batch_item_json(next(answers)) if isinstance(item, StatusUpdate) else _invalid_item(item) for item in read]
    return JsonResponse(content, headers=replayed(given.replayed))


PLAIN_ROUTES = (
    PlainRoute(
        "POST",
        "/status-update/",
        report_status,
        tags=["status"],
        summary="Report how a stage or a run stands",
        operation_id="report_status",
        responses=answers(200, StatusUpdateResponse, examples.ANSWER, problems=(401, 403, 404, 409, 413, 422, 503)),
        openapi_extra=request_body(StatusUpdateRequest, examples.STATUS_UPDATE) | {"parameters": [KEY_PARAMETER]},
    ),
    PlainRoute(
        "POST",
        "/status-update/batch",
        report_batch,
        tags=["status"],
        summary="Report up to 1,000 status updates at once",
        operation_id="report_status_batch",
        responses=answers(200, list[BatchItemResponse], [examples.BATCH_ITEM], problems=(401, 403, 413, 422, 503)),
        openapi_extra=request_body(StatusUpdateBatchRequest, {"updates": [examples.STATUS_UPDATE]}) | {"parameters": [KEY_PARAMETER]},
    ),
)


def parse_status_update(raw: Any, principal: Principal) -> StatusUpdate:
    """One item. InvalidInput naming every field at fault."""
    return _to_status_update(validate(StatusUpdateRequest, raw), raw, principal)


def _to_status_update(body: StatusUpdateRequest, raw: Any, principal: Principal) -> StatusUpdate:
    if not principal.names_target and body.pipeline_id is None and body.run_id is None:
        raise InvalidInput.of("pipeline_id", "is required, or a run_id")
    report = Report(
        status=body.status,
        stage=body.stage_name,
        attempt=body.attempt,
        records_processed=body.records_processed,
        error_message=body.error_message,
        message=body.message,
        output=body.output,
        seq=body.seq,
        reported_at=body.reported_at,
    )
    digest = hash_report(raw) if body.event_id is not None else b""
    return StatusUpdate(
        report, body.pipeline_id, body.run_id, body.event_id, body.reporter, digest, principal.attempt, principal.token_reporter
    )


def apply_idempotency_key(update: StatusUpdate, raw: Any, key: str | None) -> StatusUpdate:
    """The update with the key as its event id. InvalidInput when it has another one."""
    if key is None or update.event_id == key:
        return update
    if update.event_id is not None:
        raise InvalidInput.of("event_id", "is not the Idempotency-Key; give one of the two, or the same twice")
    return replace(update, event_id=key, digest=hash_report(raw))


def hash_report(raw: Mapping[str, Any]) -> bytes:
    """The same for the same item, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).digest()


def get_principal(request: Request) -> Principal:
    """Who reports: an attempt by its token, a machine by its own; nobody in particular else."""
    caller, bearer = get_caller(request), get_claims(request)
    if caller.way is AuthMethod.TOKEN:
        return Principal(token_reporter=TokenReporter(caller.name or "", caller.pipeline_id))
    return Principal(bearer) if isinstance(bearer, AttemptClaims) else ANONYMOUS


def _parse_items(items: Sequence[Any], principal: Principal, is_checked: bool) -> Sequence[StatusUpdate | Problem]:
    """Each as it would be read alone; in one go where none is at fault, as nearly always."""
    if is_checked:
        with suppress(ValidationError, InvalidInput):
            return [_to_status_update(body, raw, principal) for body, raw in zip(_UPDATES.validate_python(items), items, strict=True)]
    return [_parse_item(item, principal, is_checked) for item in items]


def _parse_item(raw: Any, principal: Principal, is_checked: bool) -> StatusUpdate | Problem:
    try:
        return parse_status_update(raw if is_checked else strict_json.check(raw), principal)
    except InvalidInput as error:
        return validation_problem(error.problems)


def _invalid_item(problem: Problem) -> dict[str, Any]:
    answer = ReportResult(ReportOutcome.INVALID, problem.detail, problem=problem.kind)
    return batch_item_json(answer) | {"errors": _errors(problem)}


def _errors(problem: Problem) -> Sequence[Mapping[str, str]]:
    return [{"field": item.field, "message": item.message} for item in problem.errors]
