"""The host's connection to its worker: decodes messages, sends frames, never blocks. Standard library only."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import Final

from entrypoints.worker.stage_host.protocol import FrameDecoder, Message, encode_frame

READ_SIZE: Final = 64 * 1024

MAX_BACKLOG: Final = 512 * 1024
"""Unsent bytes above which no stage's output is read."""


class WorkerConnection:
    """Passes on the worker's messages, buffers what it cannot receive yet, and detects its end."""

    def __init__(self, worker: socket.socket, selector: selectors.BaseSelector, on_message: Callable[[Message], None]) -> None:
        worker.setblocking(False)
        self._worker = worker
        self._selector = selector
        self._on_message = on_message
        self._frames = FrameDecoder()
        self._unsent = bytearray()
        self._waiting = False
        self.is_closed = False
        selector.register(worker, selectors.EVENT_READ, self.receive)

    @property
    def is_congested(self) -> bool:
        """True if the worker receives more slowly than the stages print."""
        return len(self._unsent) >= MAX_BACKLOG

    def receive(self, _: int = -1) -> None:
        """Handle the messages that have arrived."""
        try:
            data = self._worker.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
        for message, _payload in self._frames.feed(data):
            self._on_message(message)

    def send_message(self, message: Message, payload: bytes = b"") -> None:
        """Send a message now, or when the socket has room. Control messages are few and small, so they are always accepted."""
        self._unsent += encode_frame(message, payload)
        self.flush()

    def flush(self) -> None:
        """Send what is buffered, as far as the socket accepts it."""
        try:
            while self._unsent:
                del self._unsent[: self._worker.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self.is_closed = True
            self._unsent.clear()
        if self._waiting != bool(self._unsent):
            self._waiting = not self._waiting
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._waiting else 0)
            self._selector.modify(self._worker, events, self.receive)
