"""uvicorn's HTTP protocol with limits on a request's head and on the time a request may take to arrive.

The parser itself collects header names and values for as long as they come, and the server waits for the rest of a request without end.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from entrypoints.http.middleware.head_limit import HEADERS_TOO_LARGE
from entrypoints.http.problems import Problem

MAX_HEAD_BYTES: Final = 64 * 1024
"""Bytes of an unfinished head. Larger than the limits of the head middleware, so that it can name the one that was exceeded."""
TOO_SLOW: Final = Problem(408, "too_slow", "The request took too long to come; send it again.")


class BoundedProtocol(HttpToolsProtocol):
    """431 for a head without end, 408 for a request that does not arrive in time. Both close the connection."""

    READ_TIMEOUT: float = 30.0
    """Seconds from a request's first byte to its last, and from the connection to the first byte."""

    _head_bytes = 0
    _arriving: Any = None
    """The scope of the request that has not arrived in full."""
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._start_deadline()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_in_head():
            self._head_bytes = 0
            if not self.cycle.more_body:
                self._stop_deadline()
                return
        else:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HEADERS_TOO_LARGE)
                return
        if self._arriving is not self.scope or self._deadline is None:
            self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        super().connection_lost(exc)

    def _is_in_head(self) -> bool:
        """True if the arriving request has no response cycle yet: the server makes a scope at the first byte, a cycle after the head."""
        return self.cycle is None or self.cycle.scope is not self.scope

    def _start_deadline(self) -> None:
        self._stop_deadline()
        self._arriving = self.scope
        self._deadline = self.loop.call_later(self.READ_TIMEOUT, self._on_deadline)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        """Time that this server spends on an earlier response, or does not read, does not count."""
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if self.flow.read_paused or (self._is_in_head() and is_answering):
            self._start_deadline()
        elif self.scope is not None and (self._is_in_head() or (is_answering and not self.cycle.response_started)):
            self._refuse(TOO_SLOW)
        else:  # no request has begun, or it was answered before its body arrived
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        self._stop_deadline()
        if self.transport.is_closing():
            return
        body = orjson.dumps(problem.as_json(None))
        phrase = HTTPStatus(problem.status).phrase
        head = f"HTTP/1.1 {problem.status} {phrase}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n"
        self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self.transport.close()
