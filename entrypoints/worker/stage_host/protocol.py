"""The protocol between the worker and its stage host: frames over one stream socket.

A frame is two big-endian lengths, a JSON header and raw bytes. Output is raw bytes, so neither side encodes it. Standard library only: the
host imports this file too, and so does the interpreter that a stage names, Python 3.8 or newer.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any, Dict, Final

Message = Dict[str, Any]

WINDOW: Final = 256 * 1024
"""Unacknowledged bytes of one stage's output after which the host stops reading it. Only that stage then waits."""

RESULT_LIMIT: Final = 1024 * 1024
"""Bytes of JSON a callable's result may have."""

MARK_NAME: Final = "HEADGATE_MARK"
"""The environment variable that identifies a stage's processes, also after they have detached themselves."""

MARK_LENGTH: Final = 48
"""A mark is 16 hexadecimal digits of the worker, 16 of the host process and 16 of the stage. A host's own mark ends in zeros."""

WORKER_PID_NAME: Final = "HEADGATE_WORKER_PID"
"""The variable in a host's environment that names its worker. A host with another parent has outlived its worker."""

_LENGTHS = struct.Struct("!II")


def encode_frame(message: Message, payload: bytes = b"") -> bytes:
    """Return the bytes of one message."""
    header = json.dumps(message, separators=(",", ":")).encode()
    return b"".join((_LENGTHS.pack(len(header), len(payload)), header, payload))


class FrameDecoder:
    """Decodes frames from a stream that may be cut anywhere."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Message, bytes]]:
        """Yield (message, payload) of each frame that these bytes complete."""
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
