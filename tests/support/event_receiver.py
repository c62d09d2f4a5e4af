"""A test server that receives lifecycle events. It checks every body against the published schema, and can fail or hang."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Check = Callable[[Any], list[str]]


class Receiver:
    """`taken` are the bodies that it accepted. `answers` are the statuses of the next responses. `problems` are violations of the schema.

    While `hangs` is True, it does not respond.
    """

    def __init__(self, check: Check, path: str, header: tuple[str, str] | None = None) -> None:
        self._check = check
        self._path = path
        self._header = header
        self.taken: list[Any] = []
        self.problems: list[str] = []
        self.answers: list[int] = []
        self.refuses: Callable[[Any], bool] = lambda _: False
        self.hangs = False
        self.requests = 0
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Receiver]:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = Starlette(routes=[Route(self._path, self._post, methods=["POST"])])
        server = _Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=0))
        serving = asyncio.create_task(server.serve([listening]))
        try:
            while not server.started:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            yield self
        finally:
            server.should_exit = server.force_exit = True
            for connection in list(server.server_state.connections):
                connection.transport.abort()  # type: ignore[union-attr]
            await serving
            listening.close()

    async def _post(self, request: Request) -> Response:
        body = await request.json()
        self.requests += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self._header is not None and request.headers.get(self._header[0]) != self._header[1]:
            return JSONResponse({"errors": ["Forbidden"]}, 403)
        if self.answers:
            return JSONResponse({"errors": ["to order"]}, self.answers.pop(0))
        if problems := self._check(body):
            self.problems += problems
            return JSONResponse({"errors": problems}, 400)
        if self.refuses(body):
            return JSONResponse({"errors": ["not accepted"]}, 400)
        self.taken.append(body)
        return JSONResponse({}, 202)


class _Server(uvicorn.Server):
    """Leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield
