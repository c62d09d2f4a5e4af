"""A server in the place of Prefect that answers with given bytes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

Answer = Callable[[str, Any], bytes | None]
"""Takes the path and the JSON body of a request. Returns the response as bytes on the wire; None hangs."""
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def respond(body: object, status: int = 200) -> bytes:
    """Return a response with a JSON body, or with these bytes as its body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)


@contextlib.asynccontextmanager
async def a_prefect_stub(answer: Answer) -> AsyncIterator[str]:
    """Serve within the block; return the URL of the API. A response without a length ends with the connection."""
    end = asyncio.Event()
    connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections[writer] = asyncio.current_task()
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await reader.readexactly(int(length[1])) if length else b""
                response = answer(head.split(b" ")[1].decode().removeprefix("/api"), json.loads(body) if body else None)
                if response is None:
                    await end.wait()
                    break
                writer.write(response)
                await writer.drain()
                if b"Content-Length" not in response:
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"
    finally:
        end.set()
        server.close()
        for _ in range(5):  # a connection that is just being accepted gets its task
            await asyncio.sleep(0)
        for writer in connections:
            writer.transport.abort()
        await asyncio.gather(*(task for task in connections.values() if task is not None))
