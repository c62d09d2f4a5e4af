"""Idempotency-Key: the same request sent again gets the answer of the first, whoever lost it."""

import contextlib
import hashlib
import re
from collections.abc import Mapping
from typing import Annotated

import orjson
from fastapi import Depends, Header, Request

from application.ports.persistence.idempotency import IdempotencyKey
from domain.errors import InvalidInput
from entrypoints.http import strict_json
from entrypoints.http.auth.caller import get_caller
from entrypoints.http.middleware.body_limit import get_body

IDEMPOTENCY_HEADER = "Idempotency-Key"
REPLAYED: Mapping[str, str] = {"Idempotency-Replayed": "true"}
_LONGEST = 200
_KEY = re.compile(rf"[\x21-\x7e]{{1,{_LONGEST}}}")
_SCHEMA = {"minLength": 1, "maxLength": _LONGEST, "pattern": f"^{_KEY.pattern}$"}
_DESCRIPTION = (
    "Sent again with the same key and body within 24 hours, the request does nothing more and gets the first answer again, "
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
"""OpenAPI's description of the header, for routes that read it themselves."""


def parse_key(given: str | None) -> str | None:
    """The key, without the quotes it may stand in; None when there is none. InvalidInput for what is no key."""
    if given is None:
        return None
    text = given[1:-1] if len(given) > 2 and given[0] == given[-1] == '"' else given
    if not _KEY.fullmatch(text):
        raise InvalidInput.of(IDEMPOTENCY_HEADER, f"is 1 to {_LONGEST} visible ASCII characters")
    return text


async def get_idempotency_key(request: Request, given: IdempotencyKeyHeader = None) -> IdempotencyKey | None:
    """The request's key, good for its address and its caller alone."""
    text = parse_key(given)
    if text is None:
        return None
    asks = get_caller(request)
    who = f"{asks.way} {asks.account_id} {asks.token_id} {request.headers.get('authorization', '')}"
    caller = hashlib.sha256(who.encode()).hexdigest()[:16]
    return IdempotencyKey(f"{request.method} {request.url.path[:300]} {caller}", text, _digest(await get_body(request)))


Key = Annotated[IdempotencyKey | None, Depends(get_idempotency_key)]


def replayed(is_replay: bool, headers: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers, and the one that says that this is an answer given before."""
    return {**(headers or {}), **(REPLAYED if is_replay else {})}


def _digest(body: bytes) -> bytes:
    """The same for the same JSON however it is written; a body that is none is refused later anyway."""
    with contextlib.suppress(InvalidInput):
        body = orjson.dumps(strict_json.read(body), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(body).digest()
