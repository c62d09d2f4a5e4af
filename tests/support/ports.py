"""Ports for servers that start a moment later."""

from __future__ import annotations

import os
import socket
from collections import deque
from random import SystemRandom
from typing import Final

_PORTS: Final = range(20_000, 32_768)
"""Below those that Linux gives to connections and to servers without a port of their own, so that none of these takes one meanwhile."""
_random = SystemRandom()
_reserved: deque[int] = deque()
"""File descriptors, one for each of the last ports. Tests in other processes do not choose these."""
_MAX_RESERVED: Final = 100


def find_free_port() -> int:
    """Return a free port on loopback that no other test chooses."""
    while True:
        port = _random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                _reserve(port)
            except OSError:
                continue
        return port


def _reserve(port: int) -> None:
    """Hold a socket whose name no other process can use meanwhile. Raise OSError if one does."""
    with socket.socket(socket.AF_UNIX) as reservation:
        reservation.bind(f"\0headgate-test-port-{port}")
        _reserved.append(reservation.detach())
    while len(_reserved) > _MAX_RESERVED:
        os.close(_reserved.popleft())
