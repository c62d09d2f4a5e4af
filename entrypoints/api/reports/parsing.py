"""Parse status updates, one or a batch."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from application.commands.reports.status_update import StatusUpdate
from domain.errors import InvalidInput
from domain.reports.report import Report
from domain.runs.run_name import parse_run_name
from entrypoints.api.reports.models import StatusUpdateBatchRequest, StatusUpdateRequest
from entrypoints.api.reports.principal import Principal
from entrypoints.api.reports.run_names import replace_run_name
from entrypoints.api.shared.plain_routes import validate
from entrypoints.api.shared.storable_reports import make_report_storable, parse_fast
from entrypoints.http.large_bodies import check_key_count
from entrypoints.http.problems import Problem
from entrypoints.http.validation_problems import validation_problem

_BATCH = TypeAdapter(list[StatusUpdateRequest])


def parse_update(raw: Any, principal: Principal) -> StatusUpdate:
    """Return the update. Raise InvalidInput that names every invalid field."""
    check_key_count(raw)
    return _to_update(validate(StatusUpdateRequest, raw), raw, principal)


def parse_batch_body(body: bytes, principal: Principal, run_ids: Mapping[str, int] | None = None) -> Sequence[StatusUpdate | Problem]:
    """Return the updates in a body as `parse_batch` does. Raise InvalidInput if it is not a batch.

    `run_ids` are the ids of runs that the updates name.
    """
    raw, is_checked = parse_fast(body)
    items = validate(StatusUpdateBatchRequest, check_key_count(raw)).updates
    if run_ids:
        items = [replace_run_name(item, run_ids) for item in items]
    return parse_batch(items, principal, is_checked=is_checked)


def parse_batch(items: Sequence[Any], principal: Principal, *, is_checked: bool) -> Sequence[StatusUpdate | Problem]:
    """Return each item as an update, or as the problem that `parse_update` finds in it.

    `is_checked` means that every value of the items can be stored. Such items are validated together if all are valid.
    """
    if is_checked:
        with suppress(ValidationError, InvalidInput):
            return [_to_update(body, raw, principal) for body, raw in zip(_BATCH.validate_python(items), items, strict=True)]
    return [_parse_item(item, principal, is_checked=is_checked) for item in items]


def apply_idempotency_key(update: StatusUpdate, raw: Any, key: str | None) -> StatusUpdate:
    """Return the update with the key as its event id. Raise InvalidInput if it has another event id."""
    if key is None or update.event_id == key:
        return update
    if update.event_id is not None:
        raise InvalidInput.for_field("event_id", "differs from the Idempotency-Key: send only one of them, or the same value in both")
    return replace(update, event_id=key, digest=_hash_report(raw))


def _parse_item(raw: Any, principal: Principal, *, is_checked: bool) -> StatusUpdate | Problem:
    try:
        return parse_update(raw if is_checked else make_report_storable(raw), principal)
    except InvalidInput as error:
        return validation_problem(error.problems)


def _to_update(body: StatusUpdateRequest, raw: Any, principal: Principal) -> StatusUpdate:
    if not principal.names_target and body.pipeline_id is None and body.run_id is None:
        raise InvalidInput.for_field("pipeline_id", "is required, or run_id")
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
    names_run = body.run_id is not None or principal.attempt is not None
    digest = b"" if names_run and body.event_id is None else _hash_report(raw)
    run_id, unknown_run = (None, parse_run_name(body.run_id)) if isinstance(body.run_id, str) else (body.run_id, None)
    reporter = principal.attempt, principal.token_reporter
    return StatusUpdate(report, body.pipeline_id, run_id, body.event_id, body.reporter, digest, *reporter, unknown_run)


def _hash_report(raw: Mapping[str, Any]) -> bytes:
    """Return a hash that does not depend on the order of the keys."""
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).digest()
