"""HTTP on a connection, with an end to how much of a request's head is read before it is one.

The parser itself would collect names and values for as long as they come.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from entrypoints.api.head_limit import HEADERS_TOO_LARGE, LARGEST_HEAD

_SHORT: Final = 16_384
_REFUSAL: Final = orjson.dumps(HEADERS_TOO_LARGE.as_json(None))


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


class BoundedHttp(HttpToolsProtocol):
    """431 and the end of the connection for a head that has no end."""

    _unfinished = 0
    _in_head = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        joined: Any = Joined(cast(asyncio.Transport, transport), self.loop.call_soon)
        super().connection_made(joined)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._unfinished += len(data)
            if self._unfinished > LARGEST_HEAD and not self.transport.is_closing():
                self._refuse()

    def on_message_begin(self) -> None:
        self._in_head, self._unfinished = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def _refuse(self) -> None:
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: application/problem+json\r\n"
        self.transport.write(head + b"content-length: %d\r\n\r\n" % len(_REFUSAL) + _REFUSAL)
        self.transport.close()
