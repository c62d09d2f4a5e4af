"""HTTP/1.1 clients that cost little CPU themselves. Each sends its next request when it has received the response."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import uvloop

BuildRequest = Callable[[int, int], bytes]
"""Return the bytes of a client's n-th request: (client, n)."""


@dataclass(slots=True)
class LoadResult:
    """`seconds` are the latencies of responses with status 200; `refused` counts the others by status."""

    seconds: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    elapsed: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.elapsed


class _Client(asyncio.Protocol):
    def __init__(self, number: int, build_request: BuildRequest, result: LoadResult, deadline: float, done: asyncio.Future[None]) -> None:
        self._number, self._build_request, self._result, self._deadline, self._done = number, build_request, result, deadline, done
        self._count = 0
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transport is no subclass of it
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        header = self._buffer.lower().find(b"content-length: ", 0, head_end)
        length = int(self._buffer[header + 16 : self._buffer.index(b"\r\n", header)]) if header >= 0 else 0
        if len(self._buffer) < head_end + 4 + length:
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        now = time.perf_counter()
        if status == 200:
            self._result.seconds.append(now - self._sent_at)
        else:
            self._result.refused[status] = self._result.refused.get(status, 0) + 1
        if now < self._deadline:
            self._send()
        else:
            self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def _send(self) -> None:
        assert self._transport is not None
        self._count += 1
        self._sent_at = time.perf_counter()
        self._transport.write(self._build_request(self._number, self._count))

    def _end(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def send_load(port: int, build_request: BuildRequest, clients: int, seconds: float) -> LoadResult:
    """Send requests from this many concurrent clients for this long."""
    loop, result, started = asyncio.get_running_loop(), LoadResult(), time.perf_counter()
    clients_done = []
    for number in range(clients):
        done: asyncio.Future[None] = loop.create_future()
        clients_done.append(done)
        client = _Client(number, build_request, result, started + seconds, done)
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*clients_done)
    result.elapsed = time.perf_counter() - started
    return result


def run_load(port: int, build_request: BuildRequest, clients: int, seconds: float) -> LoadResult:
    """Run `send_load` on uvloop: CPU that the clients use is CPU that the server does not have."""
    return uvloop.run(send_load(port, build_request, clients, seconds))


def get(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
