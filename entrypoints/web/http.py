"""HTTP on a connection, with an end to how much of a request's head is read before it is one, and to how long a request may take to come.

The parser itself would collect names and values for as long as they come, and the server wait for the rest for as long as it does not.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from entrypoints.api.head_limit import HEADERS_TOO_LARGE, LARGEST_HEAD
from entrypoints.api.problems import Problem
from entrypoints.web.http_answers import Cycle, Joined

TOO_SLOW: Final = Problem(408, "too_slow", "The request took too long to come; send it again.")
_TICKS: Final = 10
"""Of the server's own, each a tenth of a second, between two looks for what is slow."""


class BoundedHttp(HttpToolsProtocol):
    """431 and the end of the connection for a head that has no end, 408 and its end for a request that does not come."""

    READ_WITHIN: float = 30.0
    """Seconds from a request's first byte to its last, and from the beginning of a connection to that first byte."""

    _unfinished = 0
    _in_head = False
    _awaited_since: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._awaited_since = self.loop.time()
        joined: Any = Joined(cast(asyncio.Transport, transport), self.loop.call_soon)
        super().connection_made(joined)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._unfinished += len(data)
            if self._unfinished > LARGEST_HEAD:
                self._refuse(HEADERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._in_head, self._unfinished = True, 0
        self._awaited_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._awaited_since = None
        super().on_message_complete()

    def end_if_slow(self, now: float) -> None:
        """The time begins anew while it is we who do not read on, or answer the request before it."""
        if self._awaited_since is None:
            return
        is_being_answered = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (self._in_head and is_being_answered):
            self._awaited_since = now
        elif now - self._awaited_since < self.READ_WITHIN:
            return
        elif self._in_head or (is_being_answered and not self.cycle.response_started):
            self._refuse(TOO_SLOW)
        else:  # nothing was asked, or it has its answer already
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        cycle.__class__ = Cycle  # the server makes it by name, and has no other place to say which
        super()._start_asgi_task(cycle, app)

    def _refuse(self, problem: Problem) -> None:
        if self.transport.is_closing():
            return
        body = orjson.dumps(problem.as_json(None))
        phrase = HTTPStatus(problem.status).phrase
        head = f"HTTP/1.1 {problem.status} {phrase}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()


class BoundedServer(uvicorn.Server):
    """Looks once a second for connections on which a request does not come."""

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedHttp):
                    connection.end_if_slow(now)
        return await super().on_tick(counter)
