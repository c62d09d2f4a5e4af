"""Status reports: one, or a list of them through the same use case."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import orjson
from fastapi import Request
from pydantic import TypeAdapter, ValidationError

from application.commands.status_update import Machine, StatusUpdate
from application.commands.verdicts import Answer
from application.ports.tokens import AttemptClaims
from domain.access import Way
from domain.errors import InvalidInput
from domain.reports import Report
from entrypoints.api import examples
from entrypoints.api.bodies import BatchBody, StatusUpdateBody
from entrypoints.api.idempotency import HEADER, KEY_PARAMETER, idempotency_key, key_text, replayed
from entrypoints.api.openapi import answers, takes
from entrypoints.api.presenters import Json, answer_json, batch_item_json
from entrypoints.api.requests import get_application, json_body, shaped
from entrypoints.api.schemas import AnswerShape, BatchItemShape
from entrypoints.http import strict_json
from entrypoints.http.auth.caller import caller_of, claims_of
from entrypoints.http.auth.permissions import REPORT, ResourceScope, requires
from entrypoints.http.middleware.body_limit import body_of
from entrypoints.http.plain_route import PlainRoute
from entrypoints.http.problems import Problem, Refused, invalid, refusal_of


@dataclass(frozen=True, slots=True)
class Speaker:
    attempt: AttemptClaims | None = None
    machine: Machine | None = None

    @property
    def names_its_own(self) -> bool:
        """What it is about, the token says."""
        return self.attempt is not None or (self.machine is not None and self.machine.pipeline_id is not None)


NOBODY = Speaker()
_BODIES = TypeAdapter(list[StatusUpdateBody])


@requires(REPORT, ResourceScope.REPORT)
async def report_status(request: Request) -> Json:
    """Answered after it is stored. A report that changes nothing is 200 with `applied: false` and why; one that cannot be is 409.
    An `Idempotency-Key` is the report's `event_id`."""
    raw = await json_body(request)
    update = keyed(read_update(raw, speaker_of(request)), raw, key_text(request.headers.get(HEADER)))
    (answer,) = await get_application(request).report_status()([update])
    if answer.http_status != 200:
        problem = refusal_of(answer)
        raise Refused(replace(problem, headers=replayed(answer.replayed, problem.headers)))
    return Json(answer_json(answer), headers=replayed(answer.replayed))


@requires(REPORT, ResourceScope.REPORT)
async def report_batch(request: Request) -> Json:
    """Items are independent: each gets what it would get alone, in order; one that cannot be read is its own 422."""
    key = await idempotency_key(request, request.headers.get(HEADER))
    raw, is_checked = strict_json.read_quickly(await body_of(request))
    body, speaker = shaped(BatchBody, raw), speaker_of(request)
    read = _read_items(body.updates, speaker, is_checked)
    given = await get_application(request).report_status()([item for item in read if isinstance(item, StatusUpdate)], key)
    answers = iter(given)
    content = [batch_item_json(next(answers)) if isinstance(item, StatusUpdate) else _unread(item) for item in read]
    return Json(content, headers=replayed(given.replayed))


PLAIN_ROUTES = (
    PlainRoute(
        "POST",
        "/status-update/",
        report_status,
        tags=["status"],
        summary="Report how a stage or a run stands",
        operation_id="report_status",
        responses=answers(200, AnswerShape, examples.ANSWER, problems=(401, 403, 404, 409, 413, 422, 503)),
        openapi_extra=takes(StatusUpdateBody, examples.STATUS_UPDATE) | {"parameters": [KEY_PARAMETER]},
    ),
    PlainRoute(
        "POST",
        "/status-update/batch",
        report_batch,
        tags=["status"],
        summary="Report up to 1,000 status updates at once",
        operation_id="report_status_batch",
        responses=answers(200, list[BatchItemShape], [examples.BATCH_ITEM], problems=(401, 403, 413, 422, 503)),
        openapi_extra=takes(BatchBody, {"updates": [examples.STATUS_UPDATE]}) | {"parameters": [KEY_PARAMETER]},
    ),
)


def read_update(raw: Any, speaker: Speaker) -> StatusUpdate:
    """One item. InvalidInput naming every field at fault."""
    return _update_of(shaped(StatusUpdateBody, raw), raw, speaker)


def _update_of(body: StatusUpdateBody, raw: Any, speaker: Speaker) -> StatusUpdate:
    if not speaker.names_its_own and body.pipeline_id is None and body.run_id is None:
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
    digest = digest_of(raw) if body.event_id is not None else b""
    return StatusUpdate(report, body.pipeline_id, body.run_id, body.event_id, body.reporter, digest, speaker.attempt, speaker.machine)


def keyed(update: StatusUpdate, raw: Any, key: str | None) -> StatusUpdate:
    """The update with the key as its event id. InvalidInput when it has another one."""
    if key is None or update.event_id == key:
        return update
    if update.event_id is not None:
        raise InvalidInput.of("event_id", "is not the Idempotency-Key; give one of the two, or the same twice")
    return replace(update, event_id=key, digest=digest_of(raw))


def digest_of(raw: Mapping[str, Any]) -> bytes:
    """The same for the same item, whatever the order of its keys."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).digest()


def speaker_of(request: Request) -> Speaker:
    """Who reports: an attempt by its token, a machine by its own; nobody in particular else."""
    caller, bearer = caller_of(request), claims_of(request)
    if caller.way is Way.TOKEN:
        return Speaker(machine=Machine(caller.name or "", caller.pipeline_id))
    return Speaker(bearer) if isinstance(bearer, AttemptClaims) else NOBODY


def _read_items(items: Sequence[Any], speaker: Speaker, is_checked: bool) -> Sequence[StatusUpdate | Problem]:
    """Each as it would be read alone; in one go where none is at fault, as nearly always."""
    if is_checked:
        with suppress(ValidationError, InvalidInput):
            return [_update_of(body, raw, speaker) for body, raw in zip(_BODIES.validate_python(items), items, strict=True)]
    return [_read_item(item, speaker, is_checked) for item in items]


def _read_item(raw: Any, speaker: Speaker, is_checked: bool) -> StatusUpdate | Problem:
    try:
        return read_update(raw if is_checked else strict_json.check(raw), speaker)
    except InvalidInput as error:
        return invalid(error.problems)


def _unread(problem: Problem) -> dict[str, Any]:
    answer = Answer(problem.status, False, problem.detail, problem=problem.kind)
    return batch_item_json(answer) | {"errors": _errors(problem)}


def _errors(problem: Problem) -> Sequence[Mapping[str, str]]:
    return [{"field": item.field, "message": item.message} for item in problem.errors]
