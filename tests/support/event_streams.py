"""Clients that hold an event stream of an in-process Headgate open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tests.support.in_process import InProcessHeadgate


class StreamViewer:
    """Holds a stream open and collects its text."""

    def __init__(self, app: FastAPI, path: str, headers: dict[str, str] | None = None, query: str = "") -> None:
        sent_headers = {"host": "localhost:8000", "accept": "text/event-stream", **(headers or {})}
        self._scope: dict[str, Any] = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent_headers.items()],
            "scheme": "http",
            "server": ("localhost", 8000),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "http_version": "1.1",
            "asgi": {"version": "3.0"},
        }
        self._app = app
        self._left = asyncio.Event()
        self._grew = asyncio.Event()
        self._first = True
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.text = ""
        self.ended = False

    async def _receive(self) -> dict[str, Any]:
        if self._first:
            self._first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.text += message.get("body", b"").decode()
            self.ended = not message.get("more_body", False)
        self._grew.set()

    async def until(self, text: str, count: int = 1) -> str:
        """Return the text so far, once it contains `text` that often. Fail after 5 s."""
        async with asyncio.timeout(5):
            while self.text.count(text) < count:
                self._grew.clear()
                await self._grew.wait()
        return self.text

    async def wait_for_start(self, seconds: float = 5) -> None:
        """Return once the answer has begun. Raise TimeoutError after so many seconds."""
        async with asyncio.timeout(seconds):
            while self.status is None:
                self._grew.clear()
                await self._grew.wait()

    async def run(self) -> None:
        await self._app(self._scope, self._receive, self._send)

    def leave(self) -> None:
        self._left.set()

    @property
    def ids(self) -> list[str]:
        return [line[4:] for line in self.text.splitlines() if line.startswith("id: ")]


@asynccontextmanager
async def open_stream(
    headgate: InProcessHeadgate, path: str, headers: dict[str, str] | None = None, query: str = ""
) -> AsyncIterator[StreamViewer]:
    viewer = StreamViewer(headgate.app, path, headers, query)
    task = asyncio.ensure_future(viewer.run())
    try:
        yield viewer
    finally:
        viewer.leave()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(5):
                await task
