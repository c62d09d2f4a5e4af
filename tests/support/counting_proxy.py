"""A door before a server that notes what is asked through it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) (/\S+) HTTP/1\.1\r\n")


@asynccontextmanager
async def a_counting_proxy(url: str) -> AsyncIterator[tuple[str, list[str]]]:
    """The address to ask instead of `url`, and the paths that were asked for, in order."""
    target, asked = urlsplit(url), list[str]()
    open_now: set[asyncio.Task[None]] = set()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, note: bool) -> None:
        try:
            while data := await reader.read(1 << 16):
                if note:
                    asked.extend(path.decode() for path in _REQUEST.findall(data))
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(target.hostname, target.port)
        for work in (pass_on(reader, back, note=True), pass_on(there, writer, note=False)):
            task = asyncio.create_task(work)
            open_now.add(task)
            task.add_done_callback(open_now.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}{target.path}", asked
    finally:
        server.close()
        for task in list(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)
