"""The host's end of the line to its worker: whole messages in, frames out, never blocking. Standard library only."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from typing import Final

from entrypoints.worker.host_protocol import Frames, Message, frame

CHUNK: Final = 64 * 1024

BACKLOG: Final = 512 * 1024
"""Bytes waiting for the worker above which no stage's output is read."""


class WorkerLine:
    """Hand on what the worker says, keep what it cannot take yet, and notice when it is gone."""

    def __init__(self, worker: socket.socket, selector: selectors.BaseSelector, obey: Callable[[Message], None]) -> None:
        worker.setblocking(False)
        self._worker = worker
        self._selector = selector
        self._obey = obey
        self._frames = Frames()
        self._unsent = bytearray()
        self._waiting = False
        self.broken = False
        selector.register(worker, selectors.EVENT_READ, self.hear)

    @property
    def crowded(self) -> bool:
        """Whether the worker takes less than it is sent."""
        return len(self._unsent) >= BACKLOG

    def hear(self, _: int = -1) -> None:
        """Obey what the worker has said since."""
        try:
            data = self._worker.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.broken = True
        for message, _payload in self._frames.feed(data):
            self._obey(message)

    def tell(self, message: Message, payload: bytes = b"") -> None:
        """Send a message, now or when there is room. Control messages are few and small: they are always taken."""
        self._unsent += frame(message, payload)
        self.flush()

    def flush(self) -> None:
        """Send what is waiting, as far as the worker takes it."""
        try:
            while self._unsent:
                del self._unsent[: self._worker.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self.broken = True
            self._unsent.clear()
        if self._waiting != bool(self._unsent):
            self._waiting = not self._waiting
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._waiting else 0)
            self._selector.modify(self._worker, events, self.hear)
