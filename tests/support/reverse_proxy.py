"""A reverse proxy that serves one Headgate below a path, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from adapters.system.clock import SystemClock
from tests.support.in_process import InProcessHeadgate

if TYPE_CHECKING:
    from tests.support.servers import ThreadServer

_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1\r\n")
_OUTSIDE = b"HTTP/1.1 410 Outside\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""The answer to requests outside the path, where other services of the same host would be."""


class ReverseProxy:
    """Passes requests below `path` to `target`, with or without that path, one a connection. `outside` lists the others."""

    def __init__(self, path: str, *, removes_path: bool) -> None:
        self.path, self.removes_path = path, removes_path
        self.target = ""
        self.outside: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._started, self._stopped = threading.Event(), asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """The public URL of the Headgate behind it."""
        return f"http://127.0.0.1:{self.port}{self.path}"

    @contextlib.contextmanager
    def run(self) -> Iterator[ReverseProxy]:
        self._thread.start()
        assert self._started.wait(10)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stopped.wait()
        server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._pass_on(reader, writer)
        writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        found = _REQUEST_LINE.match(head)
        assert found is not None, head
        target = self._rewrite(found[2].decode())
        if target is None:
            self.outside.append(found[2].decode())
            writer.write(_OUTSIDE)
            await writer.drain()
            return
        upstream = urlsplit(self.target)
        answers, requests = await asyncio.open_connection(upstream.hostname, upstream.port)
        requests.write(
            b"%b %b HTTP/1.1\r\nConnection: close\r\n%b" % (found[1], target.encode(), drop_connection_header(head[found.end() :]))
        )
        sending = asyncio.create_task(copy_stream(reader, requests))
        try:
            await copy_stream(answers, writer)
        finally:
            sending.cancel()
            requests.close()

    def _rewrite(self, target: str) -> str | None:
        """Return the target to ask for; None outside the path."""
        path, question_mark, query = target.partition("?")
        if path != self.path and not path.startswith(f"{self.path}/"):
            return None
        return target if not self.removes_path else (path[len(self.path) :] or "/") + question_mark + query


@contextlib.contextmanager
def serving_below(path: str, *, removes_path: bool = False, **settings: Any) -> Iterator[tuple[ReverseProxy, ThreadServer]]:
    """Serve a Headgate behind a proxy below a path. HEADGATE_URL is the proxy's URL."""
    with ReverseProxy(path, removes_path=removes_path).run() as proxy:
        headgate = InProcessHeadgate(clock=SystemClock(), url=proxy.url, **settings)
        with headgate.serve_in_thread() as served:
            proxy.target = served.url
            yield proxy, served


def drop_connection_header(headers: bytes) -> bytes:
    return re.sub(rb"(?im)^connection:.*\r\n", b"", headers)


async def copy_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until the end. The end of the requests closes the connection, as when a browser leaves a stream."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
