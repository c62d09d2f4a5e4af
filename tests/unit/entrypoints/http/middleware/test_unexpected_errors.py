"""An unexpected error is a 500, a request cancelled by shutdown a 503."""

import asyncio
import json
import logging

import pytest
from fastapi import APIRouter, FastAPI
from starlette.types import Message, Receive, Scope, Send

from entrypoints.http.auth.permissions import READ, requires
from entrypoints.http.middleware.unexpected_errors import UnexpectedErrors
from tests.support.in_process import InProcessHeadgate


async def test_an_unexpected_error_reveals_only_the_request_id(caplog: pytest.LogCaptureFixture) -> None:
    router = APIRouter()

    @router.get("/broken")
    @requires(READ)
    async def broken() -> None:
        raise RuntimeError("a secret")

    headgate = InProcessHeadgate(extra_routers=[router])
    with caplog.at_level(logging.CRITICAL, "headgate.api"):
        async with headgate.client as client:
            answer = await client.get("/broken")

    assert (answer.status_code, answer.json()["problem"]) == (500, "internal")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_request_cancelled_by_shutdown_is_503_with_retry_after() -> None:
    sent, started = await cancel_request(responds=False)

    assert started
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"retry-after"]) == (503, b"1")
    assert json.loads(sent[1]["body"])["problem"] == "stopping"


async def test_a_started_response_is_not_answered_twice() -> None:
    sent, _ = await cancel_request(responds=True)

    assert [message["type"] for message in sent] == ["http.response.start"]


async def cancel_request(*, responds: bool) -> tuple[list[Message], bool]:
    sent: list[Message] = []
    started = asyncio.Event()

    async def wait_forever(scope: Scope, receive: Receive, send: Send) -> None:
        if responds:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        started.set()
        await asyncio.Event().wait()

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/pipelines/", "headers": [], "app": FastAPI()}
    task = asyncio.create_task(UnexpectedErrors(wait_forever)(scope, receive, send))
    await started.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return sent, started.is_set()
