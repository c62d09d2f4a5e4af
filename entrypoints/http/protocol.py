"""uvicorn's HTTP protocol with limits on a request's head and on the time a request may take to arrive, and answers in order.

The parser itself collects header names and values for as long as they come, and the server waits for the rest of a request without end.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

import httptools
import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from entrypoints.http.close_delimited import CloseDelimitedTransport
from entrypoints.http.middleware.head_limit import HEADERS_TOO_LARGE
from entrypoints.http.problems import Problem
from entrypoints.http.request_target import build_head_without_upgrade, split_absolute_target

MAX_HEAD_BYTES: Final = 64 * 1024
"""Bytes of an unfinished head. Larger than the limits of the head middleware, so that it can name the one that was exceeded."""
INVALID_REQUEST: Final = Problem(400, "invalid_request", "The request is not valid HTTP/1.1.")
TOO_SLOW: Final = Problem(408, "too_slow", "The request took too long to arrive. Send it again.")


class BoundedProtocol(HttpToolsProtocol):
    """400 for an invalid request, 431 for a head without end, 408 for a request that does not arrive in time.

    Each of them closes the connection, after the responses to the requests before it.
    """

    READ_TIMEOUT: float = 30.0
    """Seconds from a request's first byte to its last, and from the connection to the first byte."""

    _head_bytes = 0
    _arriving: Any = None
    """The scope of the request that has not arrived in full."""
    _running: Any = None
    """The cycle of the request that is answered now. `cycle` is the newest one, which may still wait for its turn."""
    _deadline: asyncio.TimerHandle | None = None
    _last_answer: bytes | None = None
    """The answer to a refused request, once the earlier ones are answered. Whatever follows that request is not read as a request."""
    _offers_upgrade = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        self._start_deadline()

    def data_received(self, data: bytes) -> None:
        if self._last_answer is not None:
            return
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self.logger.warning("Invalid HTTP request received.")
            self._refuse(INVALID_REQUEST)
            return
        self._check_arrival(len(data))

    def _parse(self, data: bytes) -> None:
        """Feed the parser. It stops at a request that offers another protocol; that request is read again without the offer."""
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as stop:
                head = build_head_without_upgrade(self.parser.get_method(), self.url, self.headers)
                data = head + data[stop.args[0] :]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def _check_arrival(self, size: int) -> None:
        """Limit the head that is arriving, and the time until its request is complete."""
        if not self._is_in_head():
            self._head_bytes = 0
            if not self.cycle.more_body:
                self._stop_deadline()
                return
        else:
            self._head_bytes += size
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HEADERS_TOO_LARGE)
                return
        if self._arriving is not self.scope or self._deadline is None:
            self._start_deadline()

    def on_headers_complete(self) -> None:
        self._offers_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._offers_upgrade:
            return
        if not self.url.startswith(b"/"):
            self._resolve_target()
        super().on_headers_complete()
        if self._running is None or self._running.response_complete:
            self._running = self.cycle
        if self.expect_100_continue:  # a client that is refused may leave out the body, so what follows is ambiguous
            self.cycle.keep_alive = False
        if self.scope["http_version"] != "1.1":
            self.cycle.keep_alive = self.cycle.waiting_for_100_continue = False
            self.cycle.transport = CloseDelimitedTransport(self.transport)  # type: ignore[assignment]

    def _resolve_target(self) -> None:
        """The host of an absolute URL replaces the Host header (RFC 9112, section 3.2.2). `OPTIONS *` is about the whole server.

        Raise ValueError for another target. The parser makes an HttpParserError of it.
        """
        if self.url == b"*" and self.parser.get_method() == b"OPTIONS":
            return
        if (parts := split_absolute_target(self.url)) is None:
            raise ValueError("neither a path nor an absolute URL")
        host, self.url = parts
        self.headers[:] = [(b"host", host), *((name, value) for name, value in self.headers if name != b"host")]

    def on_message_complete(self) -> None:
        if not self._offers_upgrade:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._deadline is not None and self._is_behind():  # its turn comes now, with all of its time
            self._start_deadline()
        if self.pipeline:
            self._running = self.pipeline[-1][0]
        elif self._last_answer is not None and not self.transport.is_closing():
            self.transport.write(self._last_answer)
            self.transport.close()
            return
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_deadline()
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def _is_in_head(self) -> bool:
        """True if the arriving request has no response cycle yet: the server makes a scope at the first byte, a cycle after the head."""
        return self.cycle is None or self.cycle.scope is not self.scope

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _is_behind(self) -> bool:
        """True if the arriving request is another than the one that is answered, or was answered last."""
        return self._is_in_head() or self.cycle is not self._running

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
        if self.flow.read_paused or (self._is_answering() and self._is_behind()):
            self._start_deadline()
        elif self.scope is not None and (self._is_in_head() or (self._is_answering() and not self.cycle.response_started)):
            self._refuse(TOO_SLOW)
        else:  # no request has begun, or it was answered before its body arrived
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer the arriving request with the problem, in its turn, and close the connection."""
        self._stop_deadline()
        if self.transport.is_closing():
            return
        if not self._is_in_head():
            if self.cycle is not self._running:  # it waits for its turn; the problem takes its place
                self.pipeline.popleft()
            elif self.cycle.response_started:  # the response that has begun is the last
                self.cycle.keep_alive = False
                self._last_answer = b""
                if self.cycle.response_complete:
                    self.transport.close()
                return
            else:
                self._running = None
        self._last_answer = self._encode(problem)
        if not self._is_answering():
            self.transport.write(self._last_answer)
            self.transport.close()

    def _encode(self, problem: Problem) -> bytes:
        body = orjson.dumps(problem.as_json(None))
        lines = [
            f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}".encode(),
            *(b"%b: %b" % header for header in self.server_state.default_headers),
            b"connection: close",
            b"content-type: application/problem+json",
            b"content-length: %d" % len(body),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body
