"""Faults on the way to an ASGI application, and what was asked of it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Faults:
    """ASGI middleware that fails on demand.

    `lost_answers[name]` is how many of the next successful answers of POST routes ending in `name` are replaced by a 503, after the
    work was done. `delays[name]` is how many seconds such a request waits before the application gets it. While `is_down`, everything
    is answered with 503. While `is_token_wrong`, requests arrive with a wrong token. `lost_claims` is how many of the next claims are
    dropped from workers' streams.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.lost_answers: Counter[str] = Counter()
        self.delays: dict[str, float] = {}
        self.is_down = False
        self.is_token_wrong = False
        self.lost_claims = 0
        self.requests: list[tuple[str, bytes]] = []
        """The paths and bodies of every POST, in the order in which they arrived."""
        self.answered: list[tuple[str, bytes]] = []
        """Those that were answered with success."""
        self.streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        elif self.is_down:
            await _refuse(send, "down")
        else:
            self.streams += 1
            await self._app(self._with_token(scope), receive, self._losing_claims(send))

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, body = scope["path"], await _read(receive)
        name = path.rpartition("/")[2]
        self.requests.append((path, body))
        if self.is_down:
            await _refuse(send, "down")
            return
        await asyncio.sleep(self.delays.get(name, 0.0))
        answer: list[Message] = []

        async def collect(message: Message) -> None:
            answer.append(message)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(self._with_token(scope), replay, collect)
        is_success = 200 <= answer[0]["status"] < 300
        if is_success and self.lost_answers[name] > 0:
            self.lost_answers[name] -= 1
            await _refuse(send, "the answer was lost")
            return
        if is_success:
            self.answered.append((path, body))
        for message in answer:
            await send(message)

    def _with_token(self, scope: Scope) -> Scope:
        if not self.is_token_wrong:
            return scope
        others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        return {**scope, "headers": [*others, (b"authorization", b"Bearer wrong")]}

    def _losing_claims(self, send: Send) -> Send:
        async def send_or_lose(message: Message) -> None:
            if self.lost_claims > 0 and b'"type":"claim"' in message.get("body", b""):
                self.lost_claims -= 1
                message = {**message, "body": b""}
            await send(message)

        return send_or_lose


async def _read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _refuse(send: Send, detail: str) -> None:
    content = json.dumps({"status": 503, "detail": detail}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": content})
