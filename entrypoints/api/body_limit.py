"""Bodies of at most 1 MiB, read whole before anyone acts on them."""

from typing import Final

from starlette.types import Message, Receive

from entrypoints.api.heads import Head
from entrypoints.api.problems import Problem

LIMIT = 1 << 20
DRAINED = 8 << 20
"""Bytes of a body too large that are still read: answering at once would reset the client before it reads why."""


class Gone(Exception):
    """The client left while it was sending."""


class BodyLimit:
    TOO_LARGE: Final = Problem(413, "too_large", "A body is at most 1 MiB.", headers={"Connection": "close"})

    @staticmethod
    async def read(head: Head, receive: Receive) -> Receive:
        """Hands the body on, whole. OverflowError for one that is too large; Gone."""
        if not _has_body(head):
            return receive
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False) and len(message.get("body", b"")) <= LIMIT:
            return _replayed(message, receive)
        return _replayed(await _rest(message, receive), receive)


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
