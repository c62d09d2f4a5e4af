"""Read each request's body before the route does, within limits."""

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.http.middleware.concurrency_limit import IS_OVERLOAD, OVERLOADED
from entrypoints.http.problems import Problem, problem_response

LARGEST_BODY: Final = 1 << 20
"""Bytes of one body."""
DRAINED_BYTES: Final = 8 << 20
"""Bytes of an oversized body that are still read: an earlier answer would reset the connection before the client reads it."""
UNFINISHED_BYTES: Final = 64 << 20
"""Bytes of all bodies that have not arrived in full, together."""
TOO_LARGE: Final = Problem(413, "too_large", "The body must be at most 1 MiB.", headers={"Connection": "close"})
BODY: Final = "headgate.body"


class _ClientLeft(Exception):
    """The client disconnected while it was sending."""


class _TooLarge(Exception):
    """The body is larger than `LARGEST_BODY`."""


class _NoRoom(Exception):
    """Unfinished bodies hold `UNFINISHED_BYTES` already."""


class BodyLimit:
    """413 for a body over 1 MiB, 503 while unfinished bodies fill their room. A body that still arrives occupies no concurrency place."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._room = UNFINISHED_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            message = await self._read(receive)
        except _ClientLeft:
            return
        except _TooLarge:
            await problem_response(scope, TOO_LARGE)(scope, receive, send)
        except _NoRoom:
            scope[IS_OVERLOAD] = True
            await problem_response(scope, OVERLOADED)(scope, receive, send)
        else:
            scope[BODY] = message["body"]
            await self._app(scope, _replay(message, receive), send)

    async def _read(self, receive: Receive) -> Message:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False) and len(message.get("body", b"")) <= LARGEST_BODY:
            return {"type": "http.request", "body": message.get("body", b""), "more_body": False}
        return await self._read_rest(message, receive)

    async def _read_rest(self, message: Message, receive: Receive) -> Message:
        chunks: list[bytes] = []
        size = held = 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise _ClientLeft
                chunk = message.get("body", b"")
                size += len(chunk)
                if size <= LARGEST_BODY:
                    if len(chunk) > self._room:
                        raise _NoRoom
                    self._room -= len(chunk)
                    held += len(chunk)
                    chunks.append(chunk)
                if not message.get("more_body", False) or size > DRAINED_BYTES:
                    break
                message = await receive()
        finally:
            self._room += held
        if size > LARGEST_BODY:
            raise _TooLarge
        return {"type": "http.request", "body": b"".join(chunks), "more_body": False}


async def get_body(request: Request) -> bytes:
    """Return the body that the middleware has read; empty if the request has none."""
    found: bytes | None = request.scope.get(BODY)
    return await request.body() if found is None else found


def _has_body(scope: Scope) -> bool:
    return any((name == b"content-length" and value != b"0") or name == b"transfer-encoding" for name, value in scope["headers"])


def _replay(message: Message, receive: Receive) -> Receive:
    messages = [message]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
