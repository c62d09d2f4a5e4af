"""What every answer carries: a request id, the headers that tie a browser's hands, and a problem instead of a crash."""

import asyncio
import logging
import random
import re
from collections.abc import Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, reset_contextvars

from entrypoints.api.heads import head_of
from entrypoints.api.problems import INTERNAL, REQUEST_ID, STOPPING, respond

log = logging.getLogger("headgate.api")
_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_KEPT_BY_NOBODY = {"Cache-Control": "no-store"}
"""What may be kept, its route says."""

_SECURITY = [(name.lower().encode(), value.encode()) for name, value in (SECURITY | _KEPT_BY_NOBODY).items()]
_STARTS: Final = "headgate.starts"
_CRASHED: Final = "headgate.crashed"


def on_start(scope: Scope, tell: Callable[[Message], None]) -> None:
    """Have this called with the head of the answer, before it is sent."""
    scope.setdefault(_STARTS, []).append(tell)


async def crashed(request: Request, error: Exception) -> Response:
    """What the framework answers for an exception nobody expected, which it then raises all the same."""
    request.scope[_CRASHED] = error
    _log(request.scope)
    return respond(request.scope, INTERNAL)


class Envelope:
    """Outermost. A route's own headers win over these; an exception nobody expected becomes a 500 that tells nothing but the id."""

    def __init__(self, app: ASGIApp, *, by_https: bool = False) -> None:
        self._app = app
        self._headers = [*_SECURITY, (b"strict-transport-security", b"max-age=31536000")] if by_https else _SECURITY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[REQUEST_ID] = request_id = _request_id(scope)
        bound = bind_contextvars(request_id=request_id)
        try:
            await self._answer(scope, receive, _Enveloped(scope, send, self._headers))
        finally:
            reset_contextvars(**bound)

    async def _answer(self, scope: Scope, receive: Receive, send: "_Enveloped") -> None:
        try:
            await self._app(scope, receive, send)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # Only a server whose time to stop is up cancels a request. What it asked may have been done: it was not acknowledged.
            if send.started:
                raise
            await respond(scope, STOPPING)(scope, receive, send)
        except Exception as error:
            if scope.get(_CRASHED) is error:
                return
            _log(scope)
            if send.started:
                raise
            await respond(scope, INTERNAL)(scope, receive, send)


class _Enveloped:
    """Sends, and adds to the head of an answer what it lacks."""

    __slots__ = ("_headers", "_scope", "_send", "started")

    def __init__(self, scope: Scope, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._scope, self._send, self._headers = scope, send, headers
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            for tell in self._scope.get(_STARTS, ()):
                tell(message)
            own = message["headers"]
            given = {name for name, _ in own}
            more = [header for header in self._headers if header[0] not in given]
            message["headers"] = [*own, (b"x-request-id", self._scope[REQUEST_ID].encode()), *more]
        await self._send(message)


def _log(scope: Scope) -> None:
    log.exception("%s %s failed (request %s)", scope["method"], scope["path"], scope[REQUEST_ID])


def _request_id(scope: Scope) -> str:
    """The caller's, or one that nobody else has: it is no secret."""
    given = head_of(scope).get(b"x-request-id")
    return given.decode() if given is not None and _ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
