"""Requests as bytes on a socket, to an application behind the server's own protocol."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from entrypoints.http.protocol import BoundedProtocol
from tests.support.servers import EmbeddedServer

SECONDS = 20


@dataclass(frozen=True, slots=True)
class RawResponse:
    """One response. `is_last` if the connection closed after it."""

    status: int
    headers: dict[str, str]
    body: bytes
    version: str = "HTTP/1.1"


class RawServer:
    """Serves an ASGI application on a port of loopback."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def host(self) -> bytes:
        return b"Host: 127.0.0.1:%d\r\n" % self.port

    async def send(self, *requests: bytes, heads: int = 0) -> list[RawResponse]:
        """Send the requests at once; return the responses until the connection closes. `heads`: how many first ones answer HEAD."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        async with asyncio.timeout(SECONDS):
            writer.write(b"".join(requests))
            data = await reader.read()
        writer.close()
        return parse_responses(data, heads)


@contextlib.asynccontextmanager
async def serving(app: Any, protocol: type[BoundedProtocol] = BoundedProtocol) -> AsyncIterator[RawServer]:
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False)
    server = EmbeddedServer(config)
    life = asyncio.create_task(server.serve([listening]))
    async with asyncio.timeout(SECONDS):
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    try:
        yield RawServer(listening.getsockname()[1])
    finally:
        server.should_exit = server.force_exit = True
        await life
        listening.close()


def parse_responses(data: bytes, heads: int = 0) -> list[RawResponse]:
    """Return the responses that follow each other. Without a length, a body ends with the connection."""
    found: list[RawResponse] = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator, f"no end of a head: {head[:200]!r}"
        status_line, *lines = head.decode("latin-1").split("\r\n")
        assert status_line.startswith("HTTP/1.1 "), status_line
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        assert len(headers) == len(lines), f"a header twice: {lines}"
        status = int(status_line.split(" ")[1])
        body, data = (b"", data) if len(found) < heads or status in (204, 304) or status < 200 else _split_body(headers, data)
        found.append(RawResponse(status, headers, body))
    return found


def _split_body(headers: dict[str, str], data: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding") == "chunked":
        assert "content-length" not in headers
        body = b""
        while True:
            size, _, data = data.partition(b"\r\n")
            length = int(size, 16)
            body, data = body + data[:length], data[length + 2 :]
            if not length:
                return body, data
    if "content-length" in headers:
        length = int(headers["content-length"])
        assert len(data) >= length, "the body is cut off"
        return data[:length], data[length:]
    assert headers.get("connection") == "close"
    return data, b""
