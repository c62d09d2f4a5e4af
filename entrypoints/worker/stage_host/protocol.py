"""What the worker and its stage host say to each other: frames over one stream socket.

A frame is two big-endian lengths, a JSON header and raw bytes. Output travels as raw bytes, so a stage that prints a lot costs
neither side an encoding. Standard library only: the host imports this file too.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, Final

Message = dict[str, Any]

WINDOW: Final = 256 * 1024
"""Bytes of one stage's output that may be under way before the host stops reading it (the stage then blocks, nobody else does)."""

RESULT_LIMIT: Final = 1024 * 1024
"""Bytes of JSON a callable's result may have."""

MARK_NAME: Final = "HEADGATE_MARK"
"""The environment variable by which a stage's processes are recognised, wherever they have detached themselves to."""

MARK_LENGTH: Final = 48

_LENGTHS = struct.Struct("!II")


def encode_frame(message: Message, payload: bytes = b"") -> bytes:
    """Give one message as the bytes that travel."""
    header = json.dumps(message, separators=(",", ":")).encode()
    return b"".join((_LENGTHS.pack(len(header), len(payload)), header, payload))


class FrameDecoder:
    """Bytes in, whole frames out, however the stream was cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Message, bytes]]:
        """Take what arrived; give each frame it completed as (message, payload)."""
        self._buffer += data
        while len(self._buffer) >= _LENGTHS.size:
            header, payload = _LENGTHS.unpack_from(self._buffer)
            start, end = _LENGTHS.size + header, _LENGTHS.size + header + payload
            if len(self._buffer) < end:
                return
            message = json.loads(self._buffer[_LENGTHS.size : start])
            body = bytes(self._buffer[start:end])
            del self._buffer[:end]
            yield message, body
