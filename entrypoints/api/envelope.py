"""What every answer carries: a request id, the headers that tie a browser's hands, and a problem instead of a crash."""

import asyncio
import logging
import re
import uuid

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from entrypoints.api.problems import INTERNAL, REQUEST_ID, STOPPING, respond

log = logging.getLogger("headgate.api")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

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
        with bound_contextvars(request_id=request_id):
            await self._answer(scope, receive, send, request_id)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = False

        async def enveloped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = message["headers"] = list(message["headers"])
                given = {name for name, _ in headers}
                headers.append((b"x-request-id", request_id.encode()))
                headers += [header for header in self._headers if header[0] not in given]
            await send(message)

        try:
            await self._app(scope, receive, enveloped)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # Only a server whose time to stop is up cancels a request. What it asked may have been done: it was not acknowledged.
            if started:
                raise
            await respond(scope, STOPPING)(scope, receive, enveloped)
        except Exception:
            log.exception("%s %s failed (request %s)", scope["method"], scope["path"], request_id)
            if started:
                raise
            await respond(scope, INTERNAL)(scope, receive, enveloped)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _ID.fullmatch(given) else uuid.uuid4().hex
