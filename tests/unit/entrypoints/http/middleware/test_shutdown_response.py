"""A request that a stopping server gives up on is told to ask again."""

import asyncio
import json

from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from entrypoints.http.middleware.unexpected_errors import UnexpectedErrors


async def test_a_request_cancelled_by_shutdown_is_503_with_retry_after() -> None:
    sent, begun = await _cancelled(starts=False)

    assert begun
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"retry-after"]) == (503, b"1")
    assert json.loads(sent[1]["body"])["problem"] == "stopping"


async def test_a_started_response_is_not_answered_twice() -> None:
    sent, _ = await _cancelled(starts=True)

    assert [message["type"] for message in sent] == ["http.response.start"]


async def _cancelled(*, starts: bool) -> tuple[list[Message], bool]:
    sent: list[Message] = []
    begun = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        if starts:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        begun.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/pipelines/", "headers": [], "app": FastAPI()}
    task = asyncio.create_task(UnexpectedErrors(endless)(scope, receive, send))
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return sent, begun.is_set()
