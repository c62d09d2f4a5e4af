"""Bodies of at most 1 MiB, read whole before anyone acts on them."""

from typing import Final

from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from entrypoints.api.heads import Head
from entrypoints.api.problems import Problem

LIMIT = 1 << 20
DRAINED = 8 << 20
"""Bytes of a body too large that are still read: answering at once would reset the client before it reads why."""

_BODY: Final = "headgate.body"


class Gone(Exception):
    """The client left while it was sending."""


class BodyLimit:
    TOO_LARGE: Final = Problem(413, "too_large", "A body is at most 1 MiB.", headers={"Connection": "close"})

    @staticmethod
    async def read(scope: Scope, head: Head, receive: Receive) -> Receive:
        """Hands the body on, whole. OverflowError for one that is too large; Gone."""
        if not _has_body(head):
            return receive
        message = await receive()
        if message["type"] != "http.request" or message.get("more_body", False) or len(message.get("body", b"")) > LIMIT:
            message = await _rest(message, receive)
        scope[_BODY] = message.get("body", b"")
        return _replayed(message, receive)


async def body_of(request: Request) -> bytes:
    """The body, which was read already if there is one."""
    found: bytes | None = request.scope.get(_BODY)
    return await request.body() if found is None else found


async def _rest(message: Message, receive: Receive) -> Message:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise Gone
        size += len(message.get("body", b""))
        if size <= LIMIT:
            chunks.append(message.get("body", b""))
        if not message.get("more_body", False) or size > DRAINED:
            break
        message = await receive()
    if size > LIMIT:
        raise OverflowError
    return {"type": "http.request", "body": b"".join(chunks), "more_body": False}


def _has_body(head: Head) -> bool:
    return head.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in head


def _replayed(message: Message, receive: Receive) -> Receive:
    waiting = [message]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
