"""Idempotency-Key: a request repeated with the same key returns the first response and changes nothing more."""

import contextlib
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated

import orjson
from fastapi import Depends, Header, Request
from starlette.responses import Response

from application.ports.persistence.idempotency import IdempotencyKey
from domain.errors import InvalidInput
from entrypoints.http import strict_json
from entrypoints.http.auth.caller import get_caller
from entrypoints.http.base_path import get_route_path
from entrypoints.http.large_bodies import parse_body
from entrypoints.http.middleware.body_limit import get_body

IDEMPOTENCY_HEADER = "Idempotency-Key"
_REPLAYED: Mapping[str, str] = {"Idempotency-Replayed": "true"}
_MAX_LENGTH = 200
_KEY = re.compile(rf"[\x21-\x7e]{{1,{_MAX_LENGTH}}}")
_SCHEMA = {"minLength": 1, "maxLength": _MAX_LENGTH, "pattern": f"^{_KEY.pattern}$"}
_DESCRIPTION = (
    "Repeated with the same key and body within 24 hours, the request has no further effect and returns the first response, "
    "with `Idempotency-Replayed: true`. With another body it is 422."
)
IdempotencyKeyHeader = Annotated[str | None, Header(alias=IDEMPOTENCY_HEADER, json_schema_extra=_SCHEMA, description=_DESCRIPTION)]
KEY_PARAMETER = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "title": "Idempotency-Key", **_SCHEMA},
    "description": _DESCRIPTION,
}
"""OpenAPI's description of the header, for plain routes."""


def parse_key(header: str | None) -> str | None:
    """Return the key, without the quotes that may surround it; None without a header. Raise InvalidInput for an invalid key."""
    if header is None:
        return None
    key = header[1:-1] if len(header) > 2 and header[0] == header[-1] == '"' else header
    if not _KEY.fullmatch(key):
        raise InvalidInput.for_field(IDEMPOTENCY_HEADER, f"must be 1 to {_MAX_LENGTH} visible ASCII characters")
    return key


async def get_idempotency_key(request: Request, header: IdempotencyKeyHeader = None) -> IdempotencyKey | None:
    """Return the request's key. It is valid for this path and this caller only."""
    key = parse_key(header)
    if key is None:
        return None
    caller = get_caller(request)
    identity = f"{caller.auth_method} {caller.account_id} {caller.token_id} {request.headers.get('authorization', '')}"
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    hashed = await parse_body(_hash_body, await get_body(request))
    return IdempotencyKey(f"{request.method} {get_route_path(request.scope)[:300]} {digest}", key, hashed)


IdempotencyKeyDep = Annotated[IdempotencyKey | None, Depends(get_idempotency_key)]


def mark_replayed(response: Response, is_replay: bool) -> None:
    """Mark a response that repeats an earlier one."""
    if is_replay:
        response.headers.update(_REPLAYED)


def build_replay_headers(is_replay: bool, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the headers, with the mark of a response that repeats an earlier one."""
    return {**(headers or {}), **(_REPLAYED if is_replay else {})}


def _hash_body(body: bytes) -> bytes:
    """Return a hash that is the same for every spelling of the same JSON. Invalid JSON is refused later."""
    with contextlib.suppress(InvalidInput):
        body = orjson.dumps(strict_json.parse_and_check(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(body).digest()
