"""Clients that cost little themselves: HTTP/1.1 by hand on kept connections, each asking again when it was answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import uvloop

Request = Callable[[int, int], bytes]
"""The bytes of a client's n-th request: (client, n)."""


@dataclass(slots=True)
class LoadResult:
    """What came of it: seconds of each answered request, and what was answered otherwise than 200."""

    seconds: list[float] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    elapsed: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.elapsed


class _Client(asyncio.Protocol):
    def __init__(self, number: int, request: Request, load: LoadResult, until: float, done: asyncio.Future[None]) -> None:
        self._number, self._request, self._load, self._until, self._done = number, request, load, until, done
        self._count = 0
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        place = self._buffer.lower().find(b"content-length: ", 0, head)
        length = int(self._buffer[place + 16 : self._buffer.index(b"\r\n", place)]) if place >= 0 else 0
        if len(self._buffer) < head + 4 + length:
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        now = time.perf_counter()
        if status == 200:
            self._load.seconds.append(now - self._sent)
        else:
            self._load.refused[status] = self._load.refused.get(status, 0) + 1
        if now < self._until:
            self._ask()
        else:
            self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def _ask(self) -> None:
        assert self._transport is not None
        self._count += 1
        self._sent = time.perf_counter()
        self._transport.write(self._request(self._number, self._count))

    def _end(self) -> None:
        if not self._done.done():
            self._done.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def load(port: int, request: Request, clients: int, seconds: float) -> LoadResult:
    """Have so many clients ask for so long."""
    loop, found, began = asyncio.get_running_loop(), LoadResult(), time.perf_counter()
    ends = []
    for number in range(clients):
        done: asyncio.Future[None] = loop.create_future()
        ends.append(done)
        made = _Client(number, request, found, began + seconds, done)
        await loop.create_connection(lambda made=made: made, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.gather(*ends)
    found.elapsed = time.perf_counter() - began
    return found


def run_load(port: int, request: Request, clients: int, seconds: float) -> LoadResult:
    """The same on the loop that the web runs on: what the clients take, the server does not have."""
    return uvloop.run(load(port, request, clients, seconds))


def get(path: str, headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()


def post(path: str, body: bytes) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    )
