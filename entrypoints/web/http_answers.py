"""How answers leave: in few packets, and their heads from lines that were checked before."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE, STATUS_LINE, RequestResponseCycle

_SHORT: Final = 16_384


class Joined:
    """A transport that sends what is written in one turn of the event loop at once: a short answer's head and body in one packet."""

    __slots__ = ("_held", "_later", "_transport")

    def __init__(self, transport: asyncio.Transport, later: Callable[[Callable[[], None]], object]) -> None:
        self._transport = transport
        self._later = later
        self._held: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._held:
            self._later(self._send)
        self._held.append(data)
        if len(data) > _SHORT:  # so that whoever writes much is told to pause in time
            self._send()

    def close(self) -> None:
        self._send()
        self._transport.close()

    def _send(self) -> None:
        data, self._held = b"".join(self._held), []
        if data and not self._transport.is_closing():  # the caller may have gone in between
            self._transport.write(data)


class Cycle(RequestResponseCycle):
    """Writes the head of an answer from lines that were checked when they were first written: most of them are always the same.

    Everything else, such as an answer of unknown length, is the server's own way.
    """

    async def send(self, message: Any) -> None:
        if self.response_started or message["type"] != "http.response.start" or self.access_log:
            await super().send(message)
            return
        lines, length, headers = [STATUS_LINE[message["status"]]], None, [*self.default_headers, *message["headers"]]
        for name, value in headers:
            line = _line(name, value)
            if line is None:
                break
            lines.append(line.text)
            length = line.length if line.length is not None else length
        if len(lines) <= len(headers) or length is None or not self._is_ready():
            await super().send(message)
            return
        self.response_started, self.waiting_for_100_continue = True, False
        self.expected_content_length, self.chunked_encoding = length, False
        lines.append(b"\r\n")
        self.transport.write(b"".join(lines))

    def _is_ready(self) -> bool:
        return self.keep_alive and not self.flow.write_paused and not self.disconnected


class _Line(NamedTuple):
    text: bytes
    length: int | None
    """Of the body, when it is the line that tells it."""


@lru_cache(maxsize=512)
def _line(name: bytes, value: bytes) -> _Line | None:
    """None for what tells how the answer is framed otherwise, or would break out of its line: the server knows what to do."""
    lower = name.lower()
    if lower in (b"transfer-encoding", b"connection") or HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
        return None
    return _Line(lower + b": " + value + b"\r\n", int(value) if lower == b"content-length" else None)
