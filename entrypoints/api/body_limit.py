"""Bodies of at most 1 MiB, read whole before anyone acts on them, and held in bounded room until they are."""

from typing import Final

from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from entrypoints.api.heads import Head
from entrypoints.api.problems import Problem

LIMIT = 1 << 20
DRAINED = 8 << 20
"""Bytes of a body too large that are still read: answering at once would reset the client before it reads why."""
ON_THEIR_WAY = 64 << 20
"""Bytes of bodies of which more is to come, together. What comes in one piece takes none of it."""

_BODY: Final = "headgate.body"


class Gone(Exception):
    """The client left while it was sending."""


class Full(Exception):
    """Too much is on its way already."""


class BodyLimit:
    TOO_LARGE: Final = Problem(413, "too_large", "A body is at most 1 MiB.", headers={"Connection": "close"})

    def __init__(self, on_their_way: int) -> None:
        self._room = on_their_way

    async def read(self, scope: Scope, head: Head, receive: Receive) -> Receive:
        """Hands the body on, whole. OverflowError for one that is too large; Full; Gone."""
        if not _has_body(head):
            return receive
        message = await receive()
        if message["type"] != "http.request" or message.get("more_body", False) or len(message.get("body", b"")) > LIMIT:
            message = await self._rest(message, receive)
        scope[_BODY] = message.get("body", b"")
        return _replayed(message, receive)

    async def _rest(self, message: Message, receive: Receive) -> Message:
        chunks: list[bytes] = []
        size = held = 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise Gone
                chunk = message.get("body", b"")
                size += len(chunk)
                if size <= LIMIT:
                    if len(chunk) > self._room:
                        raise Full
                    self._room -= len(chunk)
                    held += len(chunk)
                    chunks.append(chunk)
                if not message.get("more_body", False) or size > DRAINED:
                    break
                message = await receive()
        finally:
            self._room += held
        if size > LIMIT:
            raise OverflowError
        return {"type": "http.request", "body": b"".join(chunks), "more_body": False}


async def body_of(request: Request) -> bytes:
    """The body, which was read already if there is one."""
    found: bytes | None = request.scope.get(_BODY)
    return await request.body() if found is None else found


def _has_body(head: Head) -> bool:
    return head.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in head


def _replayed(message: Message, receive: Receive) -> Receive:
    waiting = [message]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
