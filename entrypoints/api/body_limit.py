"""Bodies of at most 1 MiB, read whole before anyone acts on them."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.api.problems import Problem, respond

LIMIT = 1 << 20
DRAINED = 8 << 20
"""Bytes of a body too large that are still read: answering at once would reset the client before it reads why."""
TOO_LARGE = Problem(413, "too_large", "A body is at most 1 MiB.", headers={"Connection": "close"})


class BodyLimit:
    """413 for more. A client that leaves while sending is not answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            size += len(message.get("body", b""))
            if size <= LIMIT:
                chunks.append(message.get("body", b""))
            if not message.get("more_body", False) or size > DRAINED:
                break
        if size > LIMIT:
            await respond(scope, TOO_LARGE)(scope, receive, send)
        else:
            await self._app(scope, _replayed(b"".join(chunks), receive), send)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _replayed(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
