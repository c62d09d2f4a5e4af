"""uvicorn servers for an in-process Headgate: in a thread for browsers, in the test's own loop for workers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import uvicorn

from entrypoints.web.page_context import build_page_context

if TYPE_CHECKING:
    from tests.support.in_process import InProcessHeadgate

Result = TypeVar("Result")


class EmbeddedServer(uvicorn.Server):
    """A uvicorn server that leaves the process's signals to the tests."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class LoopServer:
    """Serves an ASGI application in this event loop, on the same port of loopback every time it starts."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._tasks: list[asyncio.Task[Any]] = []
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        self._server = EmbeddedServer(uvicorn.Config(self._app, log_level="critical", lifespan="off", timeout_graceful_shutdown=0))
        self._socket = listening
        self._tasks = [asyncio.create_task(self._server.serve([listening]))]
        while not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Cut every connection, as a process does that dies."""
        assert self._server is not None and self._socket is not None
        self._server.should_exit = self._server.force_exit = True
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        await asyncio.gather(*self._tasks)
        self._socket.close()


class ThreadServer:
    """Serves a Headgate in a thread with an event loop of its own. `do` runs a coroutine there, where the fakes live."""

    def __init__(self, headgate: InProcessHeadgate, port: int | None = None) -> None:
        self.headgate = headgate
        self._socket = socket.create_server(("127.0.0.1", port or 0))
        self.port = int(self._socket.getsockname()[1])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._server: uvicorn.Server | None = None
        self._is_over = False
        self._paused, self._resumed = threading.Event(), asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def pause(self) -> None:
        """Cut every connection and refuse new ones."""
        self.do(self._end())
        assert self._paused.wait(10)

    def resume(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", self.port))
        self._paused.clear()
        self._loop.call_soon_threadsafe(self._resumed.set)

    def stop(self) -> None:
        self._is_over = True
        self.do(self._end())
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive(), "the server did not stop"

    async def _end(self) -> None:
        """End uvicorn once it has started. Before that, it would leave its sockets open."""
        while self._server is None or not self._server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        self.headgate.page_context.live.close()
        self._server.should_exit = True

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._live())
        self._loop.close()

    async def _live(self) -> None:
        feed = asyncio.ensure_future(self.headgate.run_feed_reader())
        while True:
            self._resumed.clear()
            self._server = uvicorn.Server(_config(self.headgate))
            await self._server.serve([self._socket])
            self._server = None
            self.headgate.app.state.page_context = build_page_context(self.headgate.application)
            self._paused.set()
            if self._is_over:
                break
            await self._resumed.wait()
        feed.cancel()
        await asyncio.gather(feed, return_exceptions=True)


def _config(headgate: InProcessHeadgate) -> uvicorn.Config:
    return uvicorn.Config(headgate.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2, loop="asyncio")
