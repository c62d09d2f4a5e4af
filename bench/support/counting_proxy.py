"""A proxy in front of a server that records the paths of the requests."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) (/\S+) HTTP/1\.1\r\n")


@asynccontextmanager
async def counting_proxy(url: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Yield the URL that leads to `url` through the proxy, and the paths of the requests, in order."""
    target, paths = urlsplit(url), list[str]()
    open_connections: set[asyncio.Task[None]] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, records: bool) -> None:
        try:
            while data := await reader.read(1 << 16):
                if records:
                    paths.extend(path.decode() for path in _REQUEST.findall(data))
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, requests = await asyncio.open_connection(target.hostname, target.port)
        for work in (forward(reader, requests, records=True), forward(answers, writer, records=False)):
            task = asyncio.create_task(work)
            open_connections.add(task)
            task.add_done_callback(open_connections.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}{target.path}", paths
    finally:
        server.close()
        for task in list(open_connections):
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)
