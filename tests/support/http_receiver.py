"""An HTTP server on loopback that receives messages, and answers as a test orders: well, badly, slowly, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

CHUNK: Final = b"x" * 65_536


@dataclass(frozen=True)
class ReceivedRequest:
    """A request. The names of its headers are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the server does with a request.

    hang: nothing. close: it closes the connection. break: it closes the connection in the middle of the answer. drip: it sends the body
    byte by byte, without an end. flood: it sends the body without an end.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    way: Literal["answer", "hang", "close", "break", "drip", "flood"] = "answer"

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Answer:
        return cls(status, {"Location": url})

    @classmethod
    def busy(cls, retry_after: str, status: int = 429) -> Answer:
        return cls(status, {"Retry-After": retry_after})


HANG: Final = Answer(way="hang")
CLOSE: Final = Answer(way="close")
BREAK: Final = Answer(way="break")
DRIP: Final = Answer(way="drip")
FLOOD: Final = Answer(way="flood")


class HttpReceiver:
    """`received` are the requests in the order of their arrival. `answers` are for the next requests, `default` is for those after them.
    It waits for `delay` seconds before each answer.

    With `tunnel`, it is also an HTTP proxy that plays every host itself: after CONNECT it speaks TLS with this context. So a test receives
    what a process with HTTPS_PROXY sends to a host of the internet.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, tunnel: ssl.SSLContext | None = None) -> None:
        self.received: list[ReceivedRequest] = []
        self.answers: list[Answer] = []
        self.default = Answer()
        self.delay = 0.0
        self.connections = 0
        self.port = 0
        self._tls, self._tunnel = tls, tunnel
        self._serving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[HttpReceiver]:
        """Listen on a free port of loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in list(self._serving):
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def wait_for(self, count: int = 1, seconds: float = 30.0) -> list[ReceivedRequest]:
        """Return the received requests as soon as there are so many."""
        async with asyncio.timeout(seconds):
            while len(self.received) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.received

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self.connections += 1
        try:
            while (request := await _read_request(reader)) is not None:
                if request.method == "CONNECT" and self._tunnel is not None:
                    writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                    await writer.start_tls(self._tunnel)
                    continue
                self.received.append(request)
                self._changed.set()
                await asyncio.sleep(self.delay)
                await self._answer(self.answers.pop(0) if self.answers else self.default, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            self._serving.discard(task)
            writer.transport.abort()

    async def _answer(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        if answer.way == "hang":
            await asyncio.Event().wait()
        if answer.way == "close":
            raise ConnectionAbortedError
        has_end = answer.way in ("answer", "break")
        length = len(answer.body) + (1_000 if answer.way == "break" else 0)
        headers = {**answer.headers, **({"Content-Length": str(length)} if has_end else {"Connection": "close"})}
        writer.write(f"HTTP/1.1 {answer.status} Ordered\r\n".encode())
        writer.write("".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode() + b"\r\n" + answer.body)
        await writer.drain()
        if answer.way == "break":
            raise ConnectionAbortedError
        while not has_end:
            writer.write(b"x" if answer.way == "drip" else CHUNK)
            await writer.drain()
            await asyncio.sleep(0.05 if answer.way == "drip" else 0)


async def _read_request(reader: asyncio.StreamReader) -> ReceivedRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return ReceivedRequest(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))
